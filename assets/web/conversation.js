/*
 * The conversation as a machine of named states.
 *
 *   welcome -> starting -> ready -> opening -> listening -> sending ->
 *   thinking -> speaking -> ready ... -> ended
 *
 * and beside them waiting (the server said when), offline (it cannot be
 * reached), error (a person decides) and blocked (nothing can be done
 * here). All that talks to the server is an operation (start, turn, end)
 * run by one function, run(), so that waiting, reconnecting, trying again
 * and giving up are written once and behave the same for each.
 *
 * A turn's idempotency key is made with the recording, not with the
 * request: however often it is sent, the server counts it once.
 *
 * What is kept, and where: the id of the session and its end in
 * sessionStorage (this tab only), so that a reload goes on with it. The
 * words stay in memory. sessionStorage is written to disk by browsers and
 * comes back with a restored tab, and what is said here may be meant for
 * nobody who picks up the device later.
 */

import { ApiError, endSession, fetchAudio, isReachable, sendVoice, setAccessKey, startSession } from "/assets/client.js";
import { explain, microphoneFailure, expired } from "/assets/failures.js";
import { MicrophoneError } from "/assets/recorder.js";

const LIMIT_S = 120;
const SHORTEST_S = 0.35;
const TICK_MS = 200;
const PROBE_FIRST_MS = 1000;
const PROBE_LAST_MS = 15_000;
const TIMER_MAX_MS = 2 ** 31 - 1;
const STORE = "voicegate.session";
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

const NOTE_CHAT = "A fixed reply: the part that answers is not available right now.";
const NOTE_SPEECH = "Text only: the voice is not available right now.";
const NOTE_LOAD = "The voice could not be loaded. It can be tried again.";
const NOTE_BLOCKED = "The browser did not let it play by itself.";

const store = {
	read() {
		try {
			const kept = JSON.parse(sessionStorage.getItem(STORE));
			return UUID.test(kept?.id) && kept.expiresAt >= 0 ? kept : null;
		} catch {
			return null;
		}
	},
	write(session) {
		try {
			if (session)
				sessionStorage.setItem(STORE, JSON.stringify({ id: session.id, expiresAt: session.expiresAt }));
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
	#session = null;
	#operation = null;	/* what runs, or failed and may be tried again */
	#abort = null;
	#round = 0;		/* an answer that comes for an older round is ignored */
	#timers = [];
	#expiry = 0;
	#ticker = 0;
	#playing = null;	/* handle of the reply that is heard */

	constructor(view, recorder, player) {
		this.#view = view;
		this.#recorder = recorder;
		this.#player = player;
		view.onAction = (action) => this.act(action);
		recorder.onLost = () => this.finish();
	}

	get state() {
		return this.#state;
	}

	/* Something would be lost if the page went away now. */
	get holdsWords() {
		return this.#state === "listening" || this.#operation?.name === "turn";
	}

	#to(state, more) {
		this.#state = state;
		this.#view.state(state, more);
		if (state === "listening")
			this.#view.meter.follow(() => this.#recorder.level());
		else if (state === "speaking")
			this.#view.meter.follow(() => this.#player.level());
		else
			this.#view.meter.rest();
	}

	#settle() {
		this.#view.notice(null);
		this.#to(this.#session ? "ready" : "welcome");
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
		this.#view.place(this.#session !== null);
		if (this.#session)
			this.#view.addNote("Your conversation goes on. What was said before is not kept on this device.");
		this.#settle();
		this.#watchExpiry();
	}

	block(plan) {
		this.#to(plan.state);
		this.#view.notice(plan);
	}

	/* --- the three operations ------------------------------------- */

	start(then = null) {
		this.#run({
			name: "start", state: "starting",
			call: (options) => startSession(options),
			done: (session) => {
				this.#session = session;
				store.write(session);
				this.#watchExpiry();
				this.#view.place(true);
				this.#view.clearTalk();
				if (session.message)
					this.#view.addReply(session.message);
				if (then)
					return then();
				this.#to("ready");
				this.#view.say(`${session.message} Start speaking when you like.`);
			},
		});
	}

	#turn(recording) {
		const key = crypto.randomUUID();
		this.#run({
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
			done: (answer) => this.#answered(answer),
		});
	}

	end() {
		if (!this.#session)
			return;
		this.#player.stop();
		this.#recorder.discard();
		this.#run({
			name: "end", state: "starting",
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
		this.#to(operation.state);
		try {
			const answer = await operation.call({ signal: this.#abort.signal });
			if (round !== this.#round)
				return;
			this.#operation = null;
			operation.done(answer);
		} catch (error) {
			if (round !== this.#round)
				return;
			if (!(error instanceof ApiError))
				throw error;
			this.#failed(operation, error);
		}
	}

	#failed(operation, error) {
		if (operation.name === "end" && error.status === 404)
			return this.#over();
		operation.tries = (operation.tries ?? 0) + 1;
		const plan = explain(operation.name, error, operation.tries);
		if (error.status === 404)
			this.#forgetSession();
		if (!plan.keep && operation.name === "turn")
			this.#operation = null;
		this.#to(plan.state);
		this.#view.notice(plan);
		if (plan.wait)
			this.#countDown(plan.wait, () => this.#run(operation));
		if (plan.probe)
			this.#probe(() => this.#run(operation));
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

	#probe(then) {
		const control = new AbortController();
		let delay = PROBE_FIRST_MS;
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
		case "listening":
			this.finish();
			return false;
		case "error":
			this.act(this.#view.mainAction());
		}
		return false;
	}

	act(action) {
		const recording = this.#operation?.recording;

		switch (action) {
		case "retry":
			return this.#operation && this.#run(this.#operation);
		case "discard":
		case "dismiss":
			this.#quiet();
			this.#operation = null;
			return this.#settle();
		case "listen":
			return this.listen();
		case "restart":
			this.#forgetSession();
			return this.start();
		case "restart-send":
			this.#forgetSession();
			return this.start(recording && (() => this.#turn(recording)));
		case "key":
			return this.#view.open("access");
		}
	}

	giveKey(key) {
		setAccessKey(key);
		if (this.#operation)
			this.#run(this.#operation);
	}

	/* Escape, and the small button under the light. */
	cancel() {
		switch (this.#state) {
		case "opening":
		case "listening":
			this.#quiet();
			this.#recorder.discard();
			this.#to("ready", { hint: "Discarded. Tap or hold to speak" });
			break;
		case "sending":
		case "thinking":
			this.#quiet();
			this.#operation = null;
			this.#to("ready", { hint: "Stopped. Tap or hold to speak" });
			break;
		case "speaking":
			this.#player.stop();
		}
	}

	async listen() {
		this.#quiet();
		const round = this.#round;
		this.#operation = null;
		this.#player.stop();
		this.#view.notice(null);
		this.#to("opening");
		try {
			await this.#recorder.start();
		} catch (error) {
			if (!(error instanceof MicrophoneError))
				throw error;
			if (round === this.#round)
				this.#noMicrophone(error.why);
			return;
		}
		if (round !== this.#round)
			return this.#recorder.discard();
		this.#to("listening");
		this.#ticker = setInterval(() => {
			this.#view.listened(this.#recorder.seconds, LIMIT_S);
			if (this.#recorder.seconds >= LIMIT_S)
				this.finish();
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

	async finish() {
		if (this.#state !== "listening")
			return;
		this.#quiet();
		const round = this.#round;
		this.#to("sending");
		const { blob, seconds, silent } = await this.#recorder.stop();
		if (round !== this.#round)
			return;
		if (seconds < SHORTEST_S)
			return this.#to("ready", { hint: "That was very short. Tap once, or hold while you speak" });
		if (silent)
			return this.#noMicrophone("silent");
		this.#turn(blob);
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
			return this.#speak(reply, answer);
		this.#to("ready");
		this.#view.say(`Reply: ${answer.text}`);
	}

	#replay(reply, answer) {
		if (this.#playing === reply)
			return this.#player.stop();
		if (this.#state === "ready" || this.#state === "speaking")
			this.#speak(reply, answer);
	}

	async #speak(reply, answer) {
		this.#quiet();
		this.#player.stop();
		const round = this.#round;
		this.#abort = new AbortController();
		const { signal } = this.#abort;
		this.#to("thinking");
		let blob;
		try {
			blob = await this.#player.fetched(answer.audioUrl, () => fetchAudio(answer.audioUrl, { signal }));
		} catch (error) {
			if (!(error instanceof ApiError))
				throw error;
			if (round === this.#round) {
				reply.note(NOTE_LOAD);
				this.#to("ready");
				this.#view.say(`Reply: ${answer.text}`);
			}
			return;
		}
		if (round !== this.#round)
			return;
		this.#playing = reply;
		reply.playing(true);
		this.#to("speaking");
		const how = await this.#player.play(blob);
		reply.playing(false);
		if (this.#playing === reply)
			this.#playing = null;
		if (how === "failed")
			reply.note(NOTE_LOAD);
		if (how === "blocked")
			reply.note(NOTE_BLOCKED);
		if (round !== this.#round || this.#state !== "speaking")
			return;
		this.#to("ready");
		if (how !== "ended" && how !== "stopped")
			this.#view.say(`Reply: ${answer.text}`);
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
		if (!this.#session?.expiresAt)
			return;
		this.#expiry = setTimeout(() => this.checkExpiry(),
		    Math.min(Math.max(this.#session.expiresAt - Date.now(), 0) + 500, TIMER_MAX_MS));
	}

	/* Never in the middle of something: the server's 404 would say it then. */
	checkExpiry() {
		if (!this.#session?.expiresAt || Date.now() < this.#session.expiresAt || this.#state !== "ready")
			return;
		this.#forgetSession();
		const plan = expired();
		this.#to(plan.state);
		this.#view.notice(plan);
	}

	/* The page goes away: nothing may go on recording or speaking. */
	leave() {
		if (this.#state === "listening" || this.#state === "opening" || this.#state === "speaking")
			this.cancel();
	}
}
