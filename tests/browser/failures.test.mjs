/*
 * Each thing that can go wrong, and what the page makes of it: the state,
 * the words, the way out. What the server cannot be driven into is put in
 * its answer's place on the way.
 */

import { SENTENCE_S, begin, check, openPage, picture, record, refuse, refusal, same, speak, state, text, until } from "./harness.mjs";

const VOICE = "/api/voice/process";
const START = "/api/session/start";
const END = "/api/session/end";

const title = (page) => text(page, "#notice-title");
const press = (page, action) => page.click(`#notice-actions [data-action="${action}"]`);

function keys(page) {
	const seen = [];
	page.on("request", (r) => r.url().endsWith(VOICE) && seen.push(r.headers()["idempotency-key"]));
	return seen;
}

/* A server that answers the next turn with ANSWER. */
async function answerNextTurn(page, answer) {
	await page.route(`**${VOICE}`, (r) => r.fulfill({ status: 200, contentType: "application/json", body: JSON.stringify(answer) }), { times: 1 });
}

/* Refusals of a turn that leave the choice to the person: status, word, title, first action, kept. */
const TURN_REFUSALS = [
	[400, "bad_request", "That did not arrive whole", "listen", false],
	[403, "origin_denied", "This is not allowed from here", "retry", true],
	[403, "client_blocked", "This connection is blocked for now", "retry", true],
	[413, "payload_too_large", "That was too long", "listen", false],
	[415, "unsupported_media_type", "This recording cannot be read", "listen", false],
	[422, "audio_undecodable", "That could not be understood", "listen", false],
	[422, "idempotency_mismatch", "Something went wrong", "retry", true],
	[500, "internal", "Something went wrong", "retry", true],
	[502, "bad_gateway", "Something went wrong", "retry", true],
	[504, "upstream_timeout", "The answer took too long", "retry", true],
];

function turnRefusal([status, word, wantedTitle, action, kept]) {
	return [`a turn refused with ${status} ${word}`, async (world) => {
		const page = await openPage(world);
		await begin(page);
		const sent = keys(page);
		await refuse(page, VOICE, refusal(status, word));
		await speak(page);
		await state(page, "error");
		same(await title(page), wantedTitle, "title");
		same(await page.getAttribute("#notice-actions button", "data-action"), action, "main action");
		same(await page.locator("#notice-actions [data-action=discard]").count(), kept ? 1 : 0, "ways to discard what is kept");
		same(await page.evaluate(() => window.vgGuarded()), kept, "asked before the page is left");
		check(/Reference 0b0c7a52/.test(await text(page, "#notice-ref")), "the request id is not shown");
		await picture(page, `error-${status}`);
		await page.click("#orb");
		await state(page, action === "retry" ? "speaking" : "listening");
		if (action === "retry")
			same(sent[0] !== sent[1], word === "idempotency_mismatch", "another key for the second try");
		if (!kept)
			same(await page.locator(".you").count(), 0, "turns shown");
		await page.done();
	}];
}

export default [
	["no permission for the microphone, and given later", async (world) => {
		const page = await openPage(world, { microphone: false });
		await begin(page);
		await page.click("#orb");
		await state(page, "error");
		same(await title(page), "The microphone is blocked", "title");
		await picture(page, "error-permission");
		await page.context().grantPermissions(["microphone"], { origin: new URL(world.base).origin });
		await state(page, "ready");
		await speak(page);
		await state(page, "speaking");
		await page.done();
	}],

	["no microphone", async (world) => {
		const page = await openPage(world, { browser: world.deaf });
		await begin(page);
		await page.click("#orb");
		await state(page, "error");
		same(await title(page), "No microphone was found", "title");
		await picture(page, "error-no-microphone");
		await page.evaluate(() => {
			navigator.mediaDevices.enumerateDevices = async () => [{ kind: "audioinput" }];
			navigator.mediaDevices.dispatchEvent(new Event("devicechange"));
		});
		await state(page, "ready");
		await page.done();
	}],

	["a microphone that another program holds", async (world) => {
		const page = await openPage(world, { init: () => {
			const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
			let first = true;
			navigator.mediaDevices.getUserMedia = async (c) => {
				if (!first)
					return real(c);
				first = false;
				throw new DOMException("Could not start audio source", "NotReadableError");
			};
		} });
		await begin(page);
		await page.click("#orb");
		await state(page, "error");
		same(await title(page), "The microphone is in use", "title");
		await press(page, "listen");
		await state(page, "listening");
		await page.done();
	}],

	["a microphone that gives only silence", async (world) => {
		const page = await openPage(world, { init: () => {
			navigator.mediaDevices.getUserMedia = async () => {
				const context = new AudioContext();
				const end = context.createMediaStreamDestination();
				const gain = new GainNode(context, { gain: 0 });
				const tone = new OscillatorNode(context);
				tone.connect(gain).connect(end);
				tone.start();
				return end.stream;
			};
		} });
		await begin(page);
		await speak(page, 1);
		await state(page, "error");
		same(await title(page), "No sound came through", "title");
		await page.done();
	}],

	["a microphone that gives nothing at all", async (world) => {
		const page = await openPage(world, { init: () => {
			navigator.mediaDevices.getUserMedia = async () => new AudioContext().createMediaStreamDestination().stream;
		} });
		await begin(page);
		await speak(page, 1);
		await state(page, "error");
		same(await title(page), "No sound came through", "title");
		await page.done();
	}],

	["a very short tap sends nothing", async (world) => {
		const page = await openPage(world);
		const sent = keys(page);
		await begin(page);
		await page.click("#orb");
		await state(page, "listening");
		await page.click("#orb");
		await state(page, "ready");
		check(/very short/.test(await text(page, "#status")), "it is not said");
		same(sent.length, 0, "uploads");
		await page.done();
	}],

	["an insecure page cannot record, and says so", async (world) => {
		const page = await openPage(world, { init: () => Object.defineProperty(window, "isSecureContext", { value: false }) });
		await state(page, "blocked");
		same(await title(page), "A secure connection is needed", "title");
		check(await page.isDisabled("#orb"), "the light can still be pressed");
		await picture(page, "error-insecure");
		await page.done();
	}],

	["a browser without MediaRecorder", async (world) => {
		const page = await openPage(world, { init: () => { delete window.MediaRecorder; } });
		await state(page, "blocked");
		same(await title(page), "This browser cannot record", "title");
		await page.done();
	}],

	["without JavaScript the page says what it needs", async (world) => {
		const page = await openPage(world, { javaScriptEnabled: false });
		check(/needs JavaScript/.test(await text(page, ".noscript")), "it is not said");
		await page.context().close();
	}],

	["limit reached: counts down by Retry-After, then sends by itself", async (world) => {
		const page = await openPage(world);
		const sent = keys(page);
		await begin(page);
		await refuse(page, VOICE, refusal(429, "rate_limited", { "Retry-After": "4" }));
		await speak(page);
		await state(page, "waiting");
		same(await title(page), "A short pause", "title");
		check(/^0:0[34]$/.test(await text(page, "#notice-count")), "the countdown does not show what Retry-After said");
		check(/kept on this page/.test(await text(page, "#notice-text")), "it is not said that the words are kept");
		await picture(page, "error-429");
		const from = Date.now();
		await until(async () => await page.evaluate(() => document.getElementById("notice-count").textContent) === "0:02", "it counts down");
		await state(page, "speaking");
		check(Date.now() - from < 8000, "it waited much longer than it was told");
		same(sent.length, 2, "uploads");
		same(sent[0], sent[1], "key of the second try");
		await page.done();
	}],

	["limit reached: a start waits too, and can be left", async (world) => {
		const page = await openPage(world);
		await state(page, "welcome");
		await refuse(page, START, refusal(429, "rate_limited", { "Retry-After": "41" }));
		await page.click("#orb");
		await state(page, "waiting");
		check(/^0:4[01]$/.test(await text(page, "#notice-count")), "the countdown does not show what Retry-After said");
		await press(page, "dismiss");
		await state(page, "welcome");
		await page.done();
	}],

	["limit reached: what was said can be discarded", async (world) => {
		const page = await openPage(world);
		await begin(page);
		await refuse(page, VOICE, refusal(429, "rate_limited", { "Retry-After": new Date(Date.now() + 30_000).toUTCString() }));
		await speak(page);
		await state(page, "waiting");
		check(/^0:(2[89]|3[01])$/.test(await text(page, "#notice-count")), "a Retry-After that is a date is not understood");
		await press(page, "discard");
		await state(page, "ready");
		await page.done();
	}],

	["the server's own 429", async (world) => {
		if (!world.mock)
			return;	/* its own limit would stand in the way of the other tests */
		world.mock.knobs.limit = 0;
		const page = await openPage(world);
		await state(page, "welcome");
		await page.click("#orb");
		await state(page, "waiting");
		check(/^(0:\d\d|1:00)$/.test(await text(page, "#notice-count")), "no countdown");
		world.mock.knobs.limit = 10_000;
		await page.done();
	}],

	["service unavailable: asked again by itself, and in the end left to the person", async (world) => {
		const page = await openPage(world);
		const sent = keys(page);
		await begin(page);
		await refuse(page, VOICE, refusal(503, "upstream_unavailable", { "Retry-After": "1" }), 6);
		await speak(page);
		await state(page, "waiting");
		same(await title(page), "A moment, please", "title");
		await picture(page, "error-503");
		await state(page, "error");
		same(sent.length, 6, "tries");
		await press(page, "retry");
		await state(page, "speaking");
		same(new Set(sent).size, 1, "keys used");
		await page.done();
	}],

	["the connection lost while sending: found again by itself", async (world) => {
		const page = await openPage(world);
		const sent = keys(page);
		await begin(page);
		await refuse(page, "/api/health/live", "abort", 1);
		await refuse(page, VOICE, "abort");
		await speak(page);
		await state(page, "offline");
		same(await title(page), "The connection is lost", "title");
		await picture(page, "error-offline");
		await state(page, "speaking");
		same(sent.length, 2, "uploads");
		same(sent[0], sent[1], "key of the second try");
		await page.done();
	}],

	["the connection lost before the answer: the turn is there once", async (world) => {
		const page = await openPage(world);
		const sent = keys(page);
		await begin(page);
		const before = world.mock?.knobs.turns.length;
		const cdp = await page.context().newCDPSession(page);
		let lost = null;
		cdp.on("Fetch.requestPaused", async ({ requestId }) => {
			if (lost)
				return cdp.send("Fetch.continueRequest", { requestId });
			const { body, base64Encoded } = await cdp.send("Fetch.getResponseBody", { requestId });
			lost = JSON.parse(base64Encoded ? Buffer.from(body, "base64").toString() : body);
			await cdp.send("Fetch.failRequest", { requestId, errorReason: "ConnectionReset" });
		});
		await cdp.send("Fetch.enable", { patterns: [{ urlPattern: `*${VOICE}`, requestStage: "Response" }] });
		const audio = page.waitForRequest((r) => r.url().includes("/voice/audio/"));
		await speak(page);
		await state(page, "speaking");
		check(lost?.audio_url, "the first answer was not seen");
		same(sent.length, 2, "uploads");
		same(sent[0], sent[1], "key of the second try");
		same(new URL((await audio).url()).pathname, lost.audio_url, "the second answer's audio");
		same(await page.locator(".you").count(), 1, "turns shown");
		if (world.mock)
			same(world.mock.knobs.turns.length - before, 1, "turns the server counted");
		await page.done();
	}],

	["a start without a connection", async (world) => {
		const page = await openPage(world);
		await state(page, "welcome");
		await page.context().setOffline(true);
		await page.click("#orb");
		await state(page, "offline");
		await page.context().setOffline(false);
		await state(page, "ready");
		await page.done();
	}],

	...TURN_REFUSALS.map(turnRefusal),

	["a session that ended elsewhere: what was said goes to a new one", async (world) => {
		const page = await openPage(world);
		const sent = keys(page);
		await begin(page);
		const id = await page.evaluate(() => JSON.parse(sessionStorage.getItem("voicegate.session")).id);
		same(await page.evaluate((s) => fetch("/api/session/end", {
			method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ session_id: s }),
		}).then((r) => r.status), id), 204, "ending it");
		await speak(page, SENTENCE_S);
		await state(page, "error");
		same(await title(page), "This conversation has ended", "title");
		await picture(page, "error-404");
		await press(page, "restart-send");
		await state(page, "speaking");
		check(/father/i.test(await text(page, ".you .words")), "what was said is not there");
		same(new Set(sent).size, 2, "keys used (a new turn of a new session)");
		await page.done();
	}],

	["a recording that waits for a new conversation is guarded as any", async (world) => {
		const page = await openPage(world);
		await begin(page);
		await refuse(page, VOICE, refusal(404, "session_not_found"));
		await speak(page, SENTENCE_S);
		await state(page, "error");
		await refuse(page, START, refusal(429, "rate_limited", { "Retry-After": "600" }));
		await press(page, "restart-send");
		await state(page, "waiting");
		check(/What you said is kept/.test(await text(page, "#notice-text")), "it is not said that it is kept");
		same(await page.locator("#notice-actions button").allInnerTexts().then((all) => all.join()), "Discard", "choices");
		check(await page.evaluate(() => window.vgGuarded()), "the page may be left without a question");
		await press(page, "discard");
		await state(page, "welcome");
		same(await page.locator(".turn").count(), 0, "turns of the conversation that is over");
		check(!(await page.evaluate(() => window.vgGuarded())), "a question where nothing is kept");
		await page.done();
	}],

	["Escape asks before it throws away what was said", async (world) => {
		const page = await openPage(world);
		await begin(page);
		await record(page, SENTENCE_S);
		await page.keyboard.press("Escape");
		await state(page, "error");
		same(await title(page), "Discard what you said?", "title");
		check(await page.evaluate(() => window.vgGuarded()), "the page may be left without a question");
		await press(page, "send");
		await state(page, "speaking");
		check(/father/i.test(await text(page, ".you .words")), "what was said is not there");
		await page.done();
	}],

	["held, let go for the prompt, and held again: one recording, and one microphone", async (world) => {
		const page = await openPage(world, { init: () => {
			window.vgGate = new Promise((resolve) => { window.vgGrant = resolve; });
		} });
		const hold = async () => {
			await page.hover("#orb");
			await page.mouse.down();
			await state(page, "opening");
			await page.waitForFunction(() => (window.vgDown ??= performance.now()) + 600 < performance.now(), undefined, { polling: 20 });
			await page.evaluate(() => { delete window.vgDown; });
		};
		await begin(page);
		await hold();
		await page.mouse.up();
		check(/Allow the microphone/.test(await text(page, "#status")), "it is not said what to do");
		await hold();
		await page.evaluate(() => window.vgGrant());
		await state(page, "listening");
		await page.waitForFunction(() => (window.vgHeard ??= performance.now()) + 3600 < performance.now(), undefined, { polling: 20 });
		await page.mouse.up();
		await state(page, "speaking");
		check(/father/i.test(await text(page, ".you .words")), "what was said is not there");
		same(await page.evaluate(() => window.vgTracks.map((t) => t.readyState).join()), "ended", "tracks that the page was given");
		await page.done();
	}],

	["a session whose time has run out while the page was open, by the server's clock", async (world) => {
		const page = await openPage(world, { init: () => {
			const real = Date.now;
			Date.now = () => real() + 25 * 3_600_000;	/* the device's is a day ahead */
		} });
		await begin(page);
		await page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
		await speak(page);	/* it would say so only while nothing else goes on */
		await state(page, "speaking");
		await page.click("#leave");
		await page.click("#ending-yes");
		await state(page, "ended");
		await page.route(`**${START}`, (r) => r.fulfill({
			status: 200, contentType: "application/json", headers: { Date: new Date(1e12).toUTCString() },
			body: JSON.stringify({ session_id: "3f0e4c0e-6f0e-4c6e-9d5a-0d4f2f8c1a11", message: "", expires_at: new Date(1e12 + 1000).toISOString() }),
		}), { times: 1 });
		await page.click("#orb");
		await state(page, "error");
		same(await title(page), "This conversation has come to its end", "title");
		await press(page, "restart");
		await state(page, "ready");
		await page.done();
	}],

	["text only when the voice fails", async (world) => {
		const page = await openPage(world);
		await begin(page);
		await answerNextTurn(page, { session_id: "x", transcript: "My father died", text: "I am sorry about your father.", audio_url: null, degraded: ["speech"] });
		await speak(page);
		await state(page, "ready");
		check(/Text only/.test(await text(page, ".foot-note")), "it is not said");
		same(await page.locator(".replay").count(), 0, "buttons to hear it");
		same(await page.locator("#say").textContent(), "Text only: the voice is not available right now. Reply: I am sorry about your father.", "what a screen reader is told");
		await picture(page, "degraded-speech");
		await page.done();
	}],

	["a fixed reply when the chat fails", async (world) => {
		const page = await openPage(world);
		await begin(page);
		await answerNextTurn(page, { session_id: "x", transcript: "", text: "I am still here.", audio_url: null, degraded: ["chat", "speech"] });
		await speak(page);
		await state(page, "ready");
		check(/fixed reply/.test(await text(page, ".reply:last-of-type .foot")), "it is not said");
		check(/no words were understood/.test(await text(page, ".you .words")), "an empty transcript is not explained");
		await page.done();
	}],

	["audio that cannot be loaded, and then can", async (world) => {
		const page = await openPage(world);
		await begin(page);
		await page.route("**/api/voice/audio/*", (r) => r.fulfill(refusal(500, "internal")), { times: 1 });
		await speak(page);
		await state(page, "thinking");
		await state(page, "ready");
		check(/could not be loaded/.test(await text(page, ".foot-note")), "it is not said");
		await page.locator(".replay").last().click();
		await state(page, "speaking");
		await state(page, "ready");
		same(await page.locator(".foot-note").count(), 0, "notes after it was heard");
		await page.done();
	}],

	["audio that is no audio", async (world) => {
		const page = await openPage(world);
		await begin(page);
		await page.route("**/api/voice/audio/*", (r) => r.fulfill({ status: 200, contentType: "audio/wav", body: "not audio" }), { times: 1 });
		await speak(page);
		await page.waitForSelector(".foot-note");
		await state(page, "ready");
		check(/could not be loaded/.test(await text(page, ".foot-note")), "it is not said");
		await page.done();
	}],

	["a reply's address on another host is never asked for", async (world) => {
		const page = await openPage(world);
		await begin(page);
		await answerNextTurn(page, { session_id: "x", transcript: "a", text: "b", audio_url: `${world.foreign.origin}/api/voice/audio/x` });
		await speak(page);
		await state(page, "ready");
		check(/Text only/.test(await text(page, ".foot-note")), "it is not said");
		await page.done();
	}],

	["words from the server are shown as words", async (world) => {
		const page = await openPage(world);
		await begin(page);
		const nasty = "<img src=x onerror=\"window.hacked=1\"><script>window.hacked=1</script>";
		await answerNextTurn(page, { session_id: "x", transcript: nasty, text: nasty, audio_url: null });
		await speak(page);
		await state(page, "ready");
		check((await text(page, ".you .words")).includes("<img src=x"), "the words are not shown as they are");
		same(await page.locator("#log img, #log script").count(), 0, "elements made of words");
		await page.done();
	}],

	["an answer that is not what was agreed", async (world) => {
		const page = await openPage(world);
		await state(page, "welcome");
		await page.route(`**${START}`, (r) => r.fulfill({ status: 200, contentType: "text/html", body: "<h1>Sign in to the network</h1>" }), { times: 1 });
		await page.click("#orb");
		await state(page, "error");
		await press(page, "retry");
		await state(page, "ready");
		await page.done();
	}],

	["a service that asks for a key", async (world) => {
		const page = await openPage(world);
		const asked = new Map();
		const guard = async (r) => {
			const { authorization = "" } = r.request().headers();
			const path = new URL(r.request().url()).pathname.replace(/[0-9a-f-]{36}$/, "ID");
			asked.set(path, [...asked.get(path) ?? [], authorization]);
			if (authorization === "Bearer vg_test")
				return r.fallback();
			await r.fulfill(refusal(401, authorization ? "invalid_api_key" : "authentication_required", { "WWW-Authenticate": "Bearer realm=\"voicegate\"" }));
		};
		await page.route(/\/api\/(session|voice)\//, guard);
		await state(page, "welcome");
		await page.click("#orb");
		await state(page, "error");
		same(await text(page, "#notice-title"), "A key is needed", "title");
		await press(page, "key");
		same(await page.getAttribute("#access-key", "type"), "password", "type of the field");
		await page.fill("#access-key", "vg_wrong");
		await picture(page, "access-key");
		await page.keyboard.press("Enter");
		await page.waitForFunction(() => document.getElementById("notice-title").textContent === "This key is not accepted");
		check(!(await page.evaluate(() => JSON.stringify(Object.entries(sessionStorage)))).includes("vg_wrong"), "a key that was not accepted was kept");
		await press(page, "key");
		same(await page.inputValue("#access-key"), "", "what is left in the field");
		/* A character that no key has is told there and then; what cannot be seen is left out. */
		await page.fill("#access-key", "vg\u2013test");
		await page.keyboard.press("Enter");
		check(await page.evaluate(() => document.getElementById("access").open && !document.getElementById("access-key").checkValidity()), "an odd key was taken");
		await page.fill("#access-key", "vg_\u200btest ");
		await page.keyboard.press("Enter");
		await state(page, "ready");
		await speak(page);
		await state(page, "speaking");
		check((await page.evaluate(() => JSON.stringify(Object.entries(sessionStorage)))).includes("vg_test"), "the key was not kept for the tab");
		same(await page.evaluate(() => JSON.stringify(Object.entries(localStorage))), "[]", "left in localStorage");
		check(!(await page.content()).includes("vg_test"), "the key stands in the document");
		await state(page, "ready");
		await page.reload();
		await state(page, "ready");
		await page.click("#leave");
		await page.click("#ending-yes");
		await state(page, "ended");
		same([...asked].map(([path, keys]) => `${path} ${keys.at(-1)}`).sort().join(", "), ["/api/session/end", "/api/session/start", "/api/voice/audio/ID", "/api/voice/process"]
		    .map((path) => `${path} Bearer vg_test`).join(", "), "what was asked with the key");
		same(asked.get("/api/session/start").join(), ",Bearer vg_wrong,Bearer vg_test", "keys that a start was asked with");
		await page.done();
	}],

	["a key that runs out in the middle: what was said is kept", async (world) => {
		const page = await openPage(world);
		await begin(page);
		await refuse(page, "/api/voice/process", refusal(401, "invalid_api_key"));
		await speak(page);
		await state(page, "error");
		await press(page, "key");
		await page.fill("#access-key", "vg_other");
		await page.keyboard.press("Enter");
		await state(page, "speaking");
		await page.done();
	}],

	["a key without the scope", async (world) => {
		const page = await openPage(world);
		await refuse(page, START, refusal(403, "insufficient_scope"));
		await state(page, "welcome");
		await page.click("#orb");
		await state(page, "error");
		same(await text(page, "#notice-title"), "This key does not allow it", "title");
		same(await page.locator("#notice-actions [data-action=key]").count(), 1, "ways to give another");
		await page.done();
	}],

	["ending: asked first, and not done when declined", async (world) => {
		const page = await openPage(world);
		await begin(page);
		await page.click("#leave");
		same(await page.evaluate(() => document.activeElement.textContent), "Keep talking", "focus in the dialog");
		await page.keyboard.press("Escape");
		same(await page.locator("dialog[open]").count(), 0, "open dialogs");
		await state(page, "ready");
		await page.done();
	}],

	["ending: unreachable server, then done by itself", async (world) => {
		const page = await openPage(world);
		await begin(page);
		await refuse(page, END, "abort");
		await page.click("#leave");
		await page.click("#ending-yes");
		await state(page, "offline");
		await state(page, "ended");
		await page.done();
	}],

	["the microphone taken away in the middle sends what there is", async (world) => {
		const page = await openPage(world, { init: () => {
			const real = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
			navigator.mediaDevices.getUserMedia = async (c) => (window.stream = await real(c));
		} });
		await begin(page);
		await record(page);
		await page.evaluate(() => window.stream.getAudioTracks()[0].dispatchEvent(new Event("ended")));
		await state(page, "speaking");
		check(await page.evaluate(() => window.stream.getTracks().every((t) => t.readyState === "ended")), "the microphone is still open");
		await page.done();
	}],
];
