/* The whole conversation, as hands, keys and a reload make it. */

import { SENTENCE_S, begin, check, openPage, picture, record, same, speak, state, text, until } from "./harness.mjs";

const level = (page) => page.evaluate(() => Number(getComputedStyle(document.getElementById("orb")).getPropertyValue("--level")));
const requests = (page, part) => {
	const seen = [];
	page.on("request", (r) => r.url().includes(part) && seen.push(r));
	return seen;
};

export default [
	["speaking and hearing, from begin to end", async (world) => {
		const page = await openPage(world);
		await state(page, "welcome");
		await picture(page, "1-welcome");
		await begin(page);
		check((await text(page, "#log")).length > 10, "no greeting is shown");
		await picture(page, "2-ready");

		const sent = requests(page, "/api/voice/process");
		await record(page);
		await until(async () => await level(page) > 0.15, "the meter moves with the voice");
		await picture(page, "3-listening");
		await page.waitForFunction((s) => Number(/Listening 0:(\d+)/.exec(document.getElementById("status").textContent)?.[1]) >= s, Math.ceil(SENTENCE_S));
		await page.click("#orb");
		await state(page, "thinking", "speaking");
		await state(page, "speaking");
		check(/father/i.test(await text(page, ".you .words")), "the transcript does not carry what was said");
		check((await text(page, ".reply:last-of-type .words")).length > 10, "no reply is shown");
		await picture(page, "5-speaking");
		await state(page, "ready");

		same(sent.length, 1, "uploads");
		check(/^[0-9a-f-]{36}$/.test(sent[0].headers()["idempotency-key"] ?? ""), "an upload without an Idempotency-Key");
		if (world.mock) {
			const turn = world.mock.knobs.turns.at(-1);
			check(turn.body.includes("speech.webm") && turn.body.includes(Buffer.from([0x1a, 0x45, 0xdf, 0xa3])), "the upload is no WebM");
		}

		await page.click("#leave");
		await picture(page, "6-ending");
		await page.click("#ending-yes");
		await state(page, "ended");
		same(await page.evaluate(() => sessionStorage.length), 0, "left in sessionStorage");
		same(await page.locator(".turn").count(), 0, "words left on the page");
		await picture(page, "7-ended");
		await page.done();
	}],

	["a second turn, and hearing a reply again", async (world) => {
		const page = await openPage(world);
		const fetched = requests(page, "/voice/audio/");
		await begin(page);
		for (let i = 0; i < 2; i++) {
			await speak(page);
			await state(page, "speaking");
			await state(page, "ready");
		}
		same(await page.locator(".you").count(), 2, "turns shown");
		await page.locator(".replay").last().click();
		await state(page, "speaking");
		same(await text(page, ".replay.on"), "Stop", "the button while it plays");
		await page.locator(".replay.on").click();
		await state(page, "ready");
		same(fetched.length, 2, "requests for audio (hearing again needs none)");
		await page.done();
	}],

	["hold to speak: letting go sends", async (world) => {
		const page = await openPage(world);
		await begin(page);
		await page.hover("#orb");
		await page.mouse.down();
		await state(page, "listening");
		await page.waitForFunction(() => document.getElementById("status").textContent.startsWith("Listening 0:01"));
		await page.mouse.up();
		await state(page, "sending", "thinking", "speaking");
		await state(page, "ready");
		same(await page.locator(".you").count(), 1, "turns shown");
		await page.done();
	}],

	["by keys alone: Space, Enter, Escape", async (world) => {
		const page = await openPage(world);
		await state(page, "welcome");
		await page.keyboard.press("Space");
		await state(page, "ready");
		same(await page.evaluate(() => document.activeElement.id), "orb", "focus");
		await page.keyboard.press("Enter");
		await state(page, "listening");
		await page.keyboard.press("Escape");
		await state(page, "ready");
		check(/Discarded/.test(await text(page, "#status")), "discarding is not said");
		await page.keyboard.down("Space");
		await state(page, "listening");
		await page.waitForFunction(() => document.getElementById("status").textContent.startsWith("Listening 0:01"));
		await page.keyboard.up("Space");
		await state(page, "speaking");
		await page.keyboard.press("Escape");
		await state(page, "ready");
		await page.keyboard.press("Enter");
		await state(page, "listening");
		await page.waitForFunction(() => document.getElementById("status").textContent.startsWith("Listening 0:01"));
		await page.keyboard.press("Enter");
		await state(page, "speaking");
		await page.done();
	}],

	["a click without pointer or key (assistive technology) works as a tap", async (world) => {
		const page = await openPage(world);
		await begin(page);
		await page.evaluate(() => document.getElementById("orb").click());
		await state(page, "listening");
		same(await page.getAttribute("#orb", "aria-disabled"), "false", "aria-disabled");
		same(await page.locator("#orb-label").textContent(), "Stop and send", "name of the button");
		same(await page.locator("#say").textContent(), "Listening.", "what a screen reader is told");
		await page.waitForFunction(() => document.getElementById("status").textContent.startsWith("Listening 0:01"));
		await page.evaluate(() => document.getElementById("orb").click());
		await state(page, "speaking");
		await page.done();
	}],

	["speaking over the reply interrupts it", async (world) => {
		const page = await openPage(world);
		await begin(page);
		await speak(page);
		await state(page, "speaking");
		await page.click("#orb");
		await state(page, "listening");
		same(await page.locator(".replay.on").count(), 0, "replies still playing");
		await page.click("#cancel");
		await state(page, "ready");
		await page.done();
	}],

	["cancelling while it thinks stops the request", async (world) => {
		const page = await openPage(world);
		await begin(page);
		await page.route("**/api/voice/process", () => {});
		const gone = page.waitForEvent("requestfailed", (r) => r.url().endsWith("/voice/process"));
		await speak(page);
		await state(page, "thinking", "sending");
		await picture(page, "4-thinking");
		await page.click("#cancel");
		await state(page, "ready");
		await gone;
		await page.done();
	}],

	["the upload's progress is shown", async (world) => {
		const page = await openPage(world);
		await begin(page);
		await page.evaluate(() => {
			window.seen = [];
			new MutationObserver(() => window.seen.push(document.getElementById("status").textContent))
			    .observe(document.getElementById("status"), { childList: true, characterData: true, subtree: true });
		});
		const cdp = await page.context().newCDPSession(page);
		await cdp.send("Network.enable");
		await cdp.send("Network.emulateNetworkConditions", { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: 6000 });
		await speak(page, 2.5);
		await state(page, "speaking");
		const seen = await page.evaluate(() => window.seen.filter((s) => /^Sending \d+ %$/.test(s)));
		check(seen.length > 0, "no progress was shown");
		await page.done();
	}],

	["a reload goes on with the session, and keeps no words", async (world) => {
		const page = await openPage(world);
		const started = requests(page, "/session/start");
		await begin(page);
		await speak(page);
		await state(page, "speaking");
		await state(page, "ready");
		const kept = await page.evaluate(() => JSON.stringify(Object.entries(sessionStorage)) + JSON.stringify(Object.entries(localStorage)) + document.cookie);
		check(!/father/i.test(kept), "words were stored on the device");
		await page.reload();
		await state(page, "ready");
		same(await page.locator(".you").count(), 0, "turns shown after the reload");
		await speak(page);
		await state(page, "speaking");
		same(started.length, 1, "sessions started");
		await page.done();
	}],

	["a browser that has only MP4 sends M4A", async (world) => {
		const page = await openPage(world, { init: () => {
			const real = MediaRecorder.isTypeSupported;
			window.mp4 = real.call(MediaRecorder, "audio/mp4;codecs=mp4a.40.2") || real.call(MediaRecorder, "audio/mp4");
			MediaRecorder.isTypeSupported = (t) => !t.startsWith("audio/webm") && real.call(MediaRecorder, t);
		} });
		check(await page.evaluate(() => window.mp4), "this chromium records no MP4: the test proves nothing");
		await page.evaluate(() => {
			const append = FormData.prototype.append;
			FormData.prototype.append = function (...a) { window.appended = a.at(-1); return append.apply(this, a); };
		});
		await begin(page);
		await speak(page);
		await state(page, "speaking");
		same(await page.evaluate(() => window.appended), "speech.m4a", "name of the upload");
		await page.done();
	}],
];
