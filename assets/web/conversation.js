/*
 * The conversation as a machine of named states.
 *
 *   welcome -> starting -> ready -> opening -> listening -> sending ->
 *   thinking -> speaking -> ready ... -> ended
 *
 * and beside them waiting (the server said when), offline (it cannot be
 * reached), error (a person decides) and blocked (nothing can be done
 * here). All that talks to the server is an operation (start, turn, voice,
 * end) run by one function, run(), so that waiting, reconnecting, trying
 * again and giving up are written once and behave the same for each.
 *
 * A recording that is not sent yet hangs on the operation that will send
 * it, from the moment the microphone is off until it is answered or the
 * person discards it; a start that a recording waits for has it too. Who
 * has it is what guards it (holdsWords), words it, and offers to discard.
 *
 * A turn's idempotency key is made with the recording, not with the
 * request: however often it is sent, the server counts it once.
 *
 * What is kept, and where: the id of the session in sessionStorage (this
 * tab only), so that a reload goes on with it. Its end is not: what the
 * device's clock says of it after a reload may be wrong, and the server's
 * 404 is right. The words stay in memory. sessionStorage is written to disk by browsers and
 * comes back with a restored tab, and what is said here may be meant for
 * nobody who picks up the device later.
 */

import { ApiError, endSession, fetchAudio, isReachable, sendVoice, setAccessKey, startSession } from "/assets/client.js";
import { explain, expired, held, microphoneFailure } from "/assets/failures.js";

const LIMIT_S = 120;
const LIMIT_NEAR_S = 15;
const ASK_FROM_S = 2;		/* Escape throws away less than this without a question */
const SHORTEST_S = 0.35;
const TICK_MS = 200;
const PROBE_FIRST_MS = 1000;
const PROBE_LAST_MS = 15_000;
const TIMER_MAX_MS = 2 ** 31 - 1;
const STORE = "voicegate.session";
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

const NOTE_CHAT = "A fixed reply: the part that answers is not available right now.";
const NOTE_SPEECH = "Text only: the voice is not available right now.";
const NOTE_GONE = "This reply is not kept any more.";
const NOTE_LOAD = "The voice could not be loaded. It can be tried again.";
const NOTE_BLOCKED = "The browser did not let it play by itself.";

/* An earlier reply may be heard without leaving these states. */
const PLAYS_BESIDE = new Set(["error", "waiting", "offline", "sending", "thinking"]);
/* What refuses a reply's sound and can be waited for, or solved by a person. */
const VOICE_REFUSALS = new Set([401, 403, 429, 503]);

const store = {
	read() {
		try {
			const { id } = JSON.parse(sessionStorage.getItem(STORE));
			return UUID.test(id) ? { id, endsAt: 0 } : null;
		} catch {
			return null;
		}
	},
	write(session) {
		try {
			if (session)
				sessionStorage.setItem(STORE, JSON.stringify({ id: session.id }));
			else
				sessionStorage.removeItem(STORE);
		} catch {
			/* No storage: then a reload begins anew, no more than that. */
		}
	},
};

export class Conversation {
	#view;
	#recorder;
	#player;
	#state = "loading";
	#session = null;	/* id, and endsAt by performance.now(), 0 where that is not known */
	#operation = null;	/* what runs, or failed and may be tried again */
	#abort = null;
	#round = 0;		/* an answer that comes for an older round is ignored */
	#timers = [];
	#expiry = 0;
	#ticker = 0;
	#playing = null;	/* handle of the reply that is heard */
	#released = false;	/* let go before the microphone was open */
	#stopping = false;	/* the recorder has words that are not here yet */

	constructor(view, recorder, player) {
		this.#view = view;
		this.#recorder = recorder;
		this.#player = player;
		view.onAction = (action) => this.act(action);
		recorder.onLost = () => this.#stoppedByItself("lost");
	}

	get state() {
		return this.#state;
	}

	/* Something would be lost if the page went away now. */
	get holdsWords() {
		return this.#state === "listening" || this.#stopping || Boolean(this.#operation?.recording);
	}

	#to(state, more) {
		/* Whatever led here: the microphone is open in these two and in no other. */
		if (state !== "opening" && state !== "listening")
			this.#recorder.discard();
		this.#state = state;
		this.#view.state(state, more);
		if (state === "listening")
			this.#view.meter.follow(() => this.#recorder.level());
		else if (state === "speaking")
			this.#view.meter.follow(() => this.#player.level());
		else
			this.#view.meter.rest();
	}

	/* hint: instead of what the state says, where there is a session. */
	#settle(hint) {
		this.#view.notice(null);
		this.#view.place(this.#session !== null);
		if (this.#session)
			return this.#to("ready", hint && { hint: `${hint} Tap or hold to speak` });
		this.#view.clearTalk();
		this.#to("welcome");
	}

	#show(plan) {
		this.#to(plan.state);
		this.#view.notice(plan);
	}

	#quiet() {
		this.#round++;
		this.#abort?.abort();
		this.#abort = null;
		for (const undo of this.#timers.splice(0))
			undo();
		clearInterval(this.#ticker);
	}

	open() {
		this.#session = store.read();
		if (this.#session)
			this.#view.addNote("Your conversation goes on. What was said before is not kept on this device.");
		this.#settle();
	}

	block(plan) {
		this.#show(plan);
	}

	/* --- the operations -------------------------------------------- */

	/* recording: what is sent to the new session, if anything. */
	#startOf(recording, anew) {
		return {
			name: "start", state: "starting", recording,
			call: (options) => startSession(options),
			done: (session) => {
				this.#session = {
					id: session.id, endsAt: session.lifetimeMs > 0 ? performance.now() + session.lifetimeMs : 0,
				};
				store.write(this.#session);
				this.#watchExpiry();
				this.#view.place(true);
				if (anew)
					this.#view.addNote("A new conversation begins here. The one above is over.");
				else
					this.#view.clearTalk();
				if (session.message)
					this.#view.addReply(session.message);
				if (recording)
					return this.#run(this.#turnOf(recording));
				this.#to("ready");
				this.#view.say(`${session.message} Start speaking when you like.`);
			},
		};
	}

	#turnOf(recording) {
		let key = crypto.randomUUID();
		return {
			name: "turn", state: "sending", recording,
			call: (options) => sendVoice(this.#session.id, recording, key, {
				...options,
				onSent: (part) => {
					if (part < 1)
						this.#view.sent(part);
					else if (this.#state === "sending")
						this.#to("thinking");
				},
			}),
			failed: (error) => {
				/* The server has another recording by that key: never ours. */
				if (error.word === "idempotency_mismatch")
					key = crypto.randomUUID();
				return false;
			},
			done: (answer) => this.#answered(answer),
		};
	}

	start() {
		this.#run(this.#startOf(null, false));
	}

	/* before: what waited when the end was asked for; it waits on when the end is left. */
	end() {
		if (!this.#session)
			return this.#over();
		const before = this.#operation?.recording ? this.#operation : this.#operation?.before;
		this.#player.stop();
		this.#run({
			name: "end", state: "starting", before,
			call: (options) => endSession(this.#session.id, options),
			done: () => this.#over(),
		});
	}

	async #run(operation) {
		this.#quiet();
		const round = this.#round;
		this.#operation = operation;
		this.#abort = new AbortController();
		this.#view.notice(null);
		this.#to(operation.state, operation.hint && { hint: operation.hint });
		let answer;
		try {
			answer = await operation.call({ signal: this.#abort.signal });
		} catch (error) {
			/* A mistake of ours must not hang the page: it is told as a failure, and reported. */
			if (!(error instanceof ApiError))
				reportError(error);
			if (round === this.#round)
				this.#failed(operation, error instanceof ApiError ? error : new ApiError("local"));
			return;
		}
		if (round !== this.#round)
			return;
		this.#operation = null;
		operation.done(answer);
	}

	#failed(operation, error) {
		if (operation.name === "end" && error.status === 404)
			return this.#over();
		if (operation.failed?.(error))
			return;
		operation.tries = (operation.tries ?? 0) + 1;
		const plan = explain(operation.name, error, operation.tries, Boolean(operation.recording));
		if (error.status === 404)
			this.#forgetSession();
		if (!plan.keep && operation.name === "turn")
			this.#operation = null;
		this.#show(plan);
		if (plan.wait)
			this.#countDown(plan.wait, () => this.#run(operation));
		if (plan.probe)
			this.#probe(operation.tries, () => this.#run(operation));
	}

	/* By the clock and not by ticks: a tab that slept wakes up right. */
	#countDown(seconds, then) {
		const end = performance.now() + seconds * 1000;
		const tick = () => {
			const left = (end - performance.now()) / 1000;
			if (left > 0)
				return this.#view.count(left, seconds);
			clearInterval(timer);
			then();
		};
		const timer = setInterval(tick, TICK_MS);
		this.#timers.push(() => clearInterval(timer));
		tick();
	}

	/*
	 * tries: the first pause is longer with each, so that a server which
	 * can be reached and yet breaks this one request is not sent the
	 * recording again and again.
	 */
	#probe(tries, then) {
		const control = new AbortController();
		let delay = Math.min(PROBE_FIRST_MS * 2 ** (tries - 1), PROBE_LAST_MS);
		let timer = 0;
		let asking = false;
		const later = () => {
			timer = setTimeout(ask, delay * (0.75 + Math.random() / 2));
			delay = Math.min(delay * 2, PROBE_LAST_MS);
		};
		const ask = async () => {
			if (asking)
				return;
			asking = true;
			clearTimeout(timer);
			const reached = await isReachable({ signal: control.signal });
			asking = false;
			if (control.signal.aborted)
				return;
			if (reached)
				then();
			else
				later();
		};
		window.addEventListener("online", ask);
		this.#timers.push(() => {
			control.abort();
			clearTimeout(timer);
			window.removeEventListener("online", ask);
		});
		later();
	}

	/* --- what a person does ---------------------------------------- */

	/* The light was pressed. True when that opened the microphone. */
	press() {
		switch (this.#state) {
		case "welcome":
		case "ended":
			this.start();
			return false;
		case "ready":
		case "speaking":
			this.listen();
			return true;
		case "opening":
			this.#released = false;
			return true;
		case "listening":
			this.finish();
			return false;
		case "error":
			this.act(this.#view.mainAction());
		}
		return false;
	}

	/* Held and let go, or the hold lost its key: what was said is complete. */
	release() {
		if (this.#state === "listening")
			return this.finish();
		if (this.#state !== "opening")
			return;
		this.#released = true;
		this.#view.hint("Allow the microphone, then press again");
	}

	act(action) {
		const recording = this.#operation?.recording;

		switch (action) {
		case "retry":
		case "send":
			if (!this.#operation)
				return;
			this.#operation.tries = 0;
			return this.#run(this.#operation);
		case "discard":
			return this.#leave("Discarded.");
		case "dismiss":
			return this.#leave("");
		case "listen":
			return this.listen();
		case "restart":
		case "restart-send":
			this.#forgetSession();
			return this.#run(this.#startOf(action === "restart" ? null : recording, true));
		case "key":
			return this.#view.open("access");
		}
	}

	giveKey(key) {
		setAccessKey(key);
		if (this.#operation)
			this.#run(this.#operation);
	}

	#leave(hint) {
		const operation = this.#operation;

		this.#quiet();
		this.#operation = null;
		if (operation?.before)
			return this.#wait(operation.before, "stopped");
		this.#settle(hint);
		operation?.left?.();
	}

	/* What was said stays, unsent, until the person chooses. */
	#wait(operation, why) {
		this.#operation = operation;
		this.#show(held(why));
	}

	/* The small button under the light: it says itself what it does. */
	cancel() {
		const operation = this.#operation;

		switch (this.#state) {
		case "opening":
		case "listening":
			this.#quiet();
			this.#to("ready", { hint: `${this.#state === "opening" ? "Stopped" : "Discarded"}. Tap or hold to speak` });
			break;
		case "starting":
			this.#quiet();
			if (operation?.name === "start" && operation.recording)
				return this.#wait(operation, "stopped");
			this.#leave("Stopped.");
			break;
		case "sending":
		case "thinking":
			this.#leave("Stopped.");
			break;
		case "speaking":
			this.#player.stop();
		}
	}

	/*
	 * Escape does the same, and asks before it throws away more than a
	 * few words; pressed again, it does.
	 */
	escape() {
		if (this.#state === "listening" && this.#recorder.seconds >= ASK_FROM_S)
			return this.#setAside("asked");
		if (this.#state === "error" && this.#view.mainAction() === "send")
			return this.act("discard");
		this.cancel();
	}

	async listen() {
		this.#quiet();
		const round = this.#round;
		this.#operation = null;
		this.#released = false;
		this.#player.stop();
		this.#view.notice(null);
		this.#to("opening");
		try {
			await this.#recorder.start();
		} catch (error) {
			if (round === this.#round)
				this.#noMicrophone(error.why);
			return;
		}
		if (round !== this.#round)
			return;
		if (this.#released)
			return this.#to("ready", { hint: "The microphone is ready. Press again to speak" });
		this.#to("listening");
		let near = false;
		this.#ticker = setInterval(() => {
			const left = LIMIT_S - this.#recorder.seconds;
			this.#view.listened(this.#recorder.seconds, left <= LIMIT_NEAR_S ? left : null);
			if (left <= LIMIT_NEAR_S && !near) {
				near = true;
				this.#view.say(`${LIMIT_NEAR_S} seconds left.`);
			}
			if (left <= 0)
				this.#stoppedByItself("limit");
		}, TICK_MS);
	}

	/* Watches for the cause to go away, so that nobody has to tell the page. */
	#noMicrophone(why) {
		this.#to("error");
		this.#view.notice(microphoneFailure(why));
		const control = new AbortController();
		this.#timers.push(() => control.abort());
		const again = () => {
			this.#quiet();
			this.#settle();
		};
		if (why === "denied")
			navigator.permissions?.query({ name: "microphone" }).then((status) => {
				status.addEventListener("change", () => status.state === "granted" && again(), { signal: control.signal });
			}, () => {});
		if (why === "missing")
			navigator.mediaDevices.addEventListener("devicechange", async () => {
				const devices = await navigator.mediaDevices.enumerateDevices();
				if (!control.signal.aborted && devices.some((d) => d.kind === "audioinput"))
					again();
			}, { signal: control.signal });
	}

	/*
	 * Not by the person: then only what they can see is sent. A page out
	 * of sight may have been forgotten, with a room around it.
	 */
	#stoppedByItself(why) {
		if (this.#state !== "listening")
			return;
		if (document.visibilityState === "hidden")
			return this.#setAside(why);
		this.finish(why === "limit" ? "Two minutes are full. Sending" : undefined);
	}

	/* The recording, once the recorder has given it; null when something else came first. */
	async #stopped(hint) {
		this.#quiet();
		const round = this.#round;
		this.#stopping = true;
		const stopping = this.#recorder.stop();
		this.#to("sending", hint && { hint });
		const recording = await stopping;
		this.#stopping = false;
		return round === this.#round ? recording : null;
	}

	async finish(hint) {
		if (this.#state !== "listening")
			return;
		const recording = await this.#stopped(hint);
		if (!recording)
			return;
		if (recording.seconds < SHORTEST_S)
			return this.#to("ready", { hint: "That was very short. Tap once, or hold while you speak" });
		if (recording.silent)
			return this.#noMicrophone("silent");
		this.#run({ ...this.#turnOf(recording.blob), hint });
	}

	async #setAside(why) {
		const recording = await this.#stopped("Stopping");
		if (recording?.blob.size)
			this.#wait(this.#turnOf(recording.blob), why);
		else if (recording)
			this.#noMicrophone("silent");
	}

	/* --- the answer -------------------------------------------------- */

	#answered(answer) {
		const notes = [];
		const chatLost = answer.degraded.includes("chat");

		if (chatLost)
			notes.push(NOTE_CHAT);
		if (!answer.audioUrl)
			notes.push(NOTE_SPEECH);
		this.#view.addYou(answer.transcript);
		const reply = this.#view.addReply(answer.text, {
			notes,
			onReplay: answer.audioUrl && (() => this.#replay(reply, answer)),
		});
		if (answer.audioUrl)
			return this.#speak(reply, answer, notes);
		this.#to("ready");
		this.#view.say([...notes, `Reply: ${answer.text}`].join(" "));
	}

	#replay(reply, answer) {
		if (this.#playing === reply)
			return this.#player.stop();
		if (this.#state === "ready" || this.#state === "speaking")
			this.#speak(reply, answer, null);
		else if (PLAYS_BESIDE.has(this.#state))
			this.#playBeside(reply, answer);
	}

	/* notes: what to say with a reply that is new; null when it is heard again. */
	#speak(reply, answer, notes) {
		const words = notes ? [...notes, `Reply: ${answer.text}`].join(" ") : "";

		this.#player.stop();
		this.#run({
			name: "voice", state: "thinking", hint: "The voice is on its way",
			call: ({ signal }) => this.#player.fetched(answer.audioUrl, () => fetchAudio(answer.audioUrl, { signal })),
			failed: (error) => {
				if (VOICE_REFUSALS.has(error.status))
					return false;
				this.#operation = null;
				this.#to("ready");
				this.#view.say([this.#noVoice(reply, error), words].join(" "));
				return true;
			},
			left: () => this.#view.say(`Stopped. ${words}`),
			done: async (blob) => {
				const round = this.#round;
				this.#to("speaking");
				if (notes?.length)
					this.#view.say(notes.join(" "));
				const how = await this.#play(reply, blob);
				if (round !== this.#round || this.#state !== "speaking")
					return;
				this.#to("ready");
				if (how !== "ended" && how !== "stopped")
					this.#view.say(words);
			},
		});
	}

	/* The state stays what it is, and all that waits in it. */
	async #playBeside(reply, answer) {
		let blob;
		try {
			blob = await this.#player.fetched(answer.audioUrl, () => fetchAudio(answer.audioUrl, {}));
		} catch (error) {
			this.#view.say(this.#noVoice(reply, error));
			return;
		}
		if (PLAYS_BESIDE.has(this.#state) || this.#state === "ready")
			await this.#play(reply, blob);
	}

	async #play(reply, blob) {
		const playing = this.#player.play(blob);
		this.#playing = reply;
		reply.playing(true);
		const how = await playing;
		if (this.#playing === reply) {
			this.#playing = null;
			reply.playing(false);
		}
		if (how === "failed")
			reply.note(NOTE_LOAD);
		else if (how === "blocked")
			reply.note(NOTE_BLOCKED);
		else
			reply.unnote(NOTE_LOAD, NOTE_BLOCKED);
		return how;
	}

	/* Returns what was noted. */
	#noVoice(reply, error) {
		const gone = error.status === 404 || error.status === 410;
		const words = gone ? NOTE_GONE : NOTE_LOAD;

		if (gone) {
			reply.unnote(NOTE_LOAD, NOTE_BLOCKED);
			reply.gone();
		}
		reply.note(words);
		return words;
	}

	/* --- the end ------------------------------------------------------ */

	#forgetSession() {
		this.#session = null;
		store.write(null);
		clearTimeout(this.#expiry);
		this.#player.forget();
	}

	#over() {
		this.#quiet();
		this.#operation = null;
		this.#forgetSession();
		this.#view.clearTalk();
		this.#view.place(false);
		this.#view.notice(null);
		this.#to("ended");
		this.#view.focusOn("hello");
	}

	#watchExpiry() {
		clearTimeout(this.#expiry);
		if (this.#session?.endsAt)
			this.#expiry = setTimeout(() => this.checkExpiry(),
			    Math.min(Math.max(this.#session.endsAt - performance.now(), 0) + 500, TIMER_MAX_MS));
	}

	/*
	 * By the time that has passed here since the server said how long it
	 * is: never by a clock that may be set wrong, or be set right. Never
	 * in the middle of something: the server's 404 would say it then.
	 */
	checkExpiry() {
		if (!this.#session?.endsAt || this.#state !== "ready")
			return;
		if (performance.now() < this.#session.endsAt)
			return this.#watchExpiry();
		this.#forgetSession();
		this.#show(expired());
	}

	/* The page goes away: nothing may go on recording or speaking. Should it come back, the words are there. */
	leave() {
		if (this.#state === "listening")
			this.#setAside("stopped");
		else if (this.#state === "opening" || this.#state === "speaking")
			this.cancel();
	}
}
