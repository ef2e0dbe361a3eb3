/*
 * What the tests share: one chromium with a microphone that hears a known
 * recording, a fresh context (profile) for each test, and ways to wait for
 * a condition with a deadline. Nothing here sleeps and hopes.
 */

import { chromium } from "playwright-core";
import { execFileSync } from "node:child_process";
import { createServer } from "node:http";
import { mkdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import path from "node:path";

export const ARTEFACTS = process.env.VG_ARTEFACTS ?? fileURLToPath(new URL("artefacts", import.meta.url));
/* On a machine that is busy with much else: how many times longer all is waited for. */
export const PATIENCE = Number(process.env.VG_PATIENCE ?? 1);
export const DEADLINE_MS = 20_000 * PATIENCE;
export const SENTENCE = "I have been feeling sad since my father died";
const CHROMIUM = process.env.VG_CHROMIUM ?? "/usr/bin/chromium";

export class Failed extends Error {}

export function check(condition, words) {
	if (!condition)
		throw new Failed(words);
}

export function same(got, wanted, words) {
	check(Object.is(got, wanted), `${words}: wanted ${JSON.stringify(wanted)}, got ${JSON.stringify(got)}`);
}

export async function until(condition, words, deadlineMs = DEADLINE_MS) {
	const end = Date.now() + deadlineMs;
	for (;;) {
		const value = await condition();
		if (value)
			return value;
		check(Date.now() < end, `not within ${deadlineMs} ms: ${words}`);
		await new Promise((resolve) => setTimeout(resolve, 50));
	}
}

/* The recording that the fake microphone plays. */
export function speech(folder) {
	const file = path.join(folder, "speech.wav");
	execFileSync("flite", ["-voice", "rms", "-t", SENTENCE, "-o", file]);
	return file;
}

export function launch({ wav = "", trust = "" } = {}) {
	const args = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync"];
	if (wav)
		args.push("--use-fake-device-for-media-stream", `--use-file-for-fake-audio-capture=${wav}`);
	if (trust)
		args.push(`--ignore-certificate-errors-spki-list=${trust}`);
	return chromium.launch({ executablePath: CHROMIUM, headless: true, args });
}

/* An empty page on another origin, on a port of its own. */
export async function foreignSite(port = 0, host = "127.0.0.1") {
	const server = createServer((req, res) => {
		res.writeHead(200, { "Content-Type": "text/html" });
		res.end("<!doctype html><title>elsewhere</title>");
	});
	await new Promise((resolve, reject) => server.once("error", reject).listen(port, "127.0.0.1", resolve));
	return {
		origin: `http://${host}:${server.address().port}`,
		close: () => new Promise((resolve) => { server.close(resolve); server.closeAllConnections(); }),
	};
}

/*
 * On each page: whether leaving it would ask first, every microphone track
 * that it was ever given, and each state that was entered with one of them
 * still live that has no business with it (openPage's done() wants none).
 */
function watched() {
	const asksFirst = () => {
		const event = new Event("beforeunload", { cancelable: true });
		window.dispatchEvent(event);
		return event.defaultPrevented;
	};
	window.vgGuarded = asksFirst;
	window.vgTracks = [];
	window.vgLive = [];
	const devices = navigator.mediaDevices;
	const real = devices?.getUserMedia.bind(devices);
	if (devices)
		devices.getUserMedia = async (wanted) => {
			await window.vgGate;
			const stream = await real(wanted);
			window.vgTracks.push(...stream.getTracks());
			return stream;
		};
	new MutationObserver(() => {
		const state = document.documentElement?.dataset.state;
		if (state && state !== "opening" && state !== "listening" && window.vgTracks.some((t) => t.readyState === "live"))
			window.vgLive.push(state);
	}).observe(document, { attributes: true, attributeFilter: ["data-state"], subtree: true, childList: true });
}

/* One test's own page. Every error and every breach of the policy on it is kept. */
export async function openPage(world, { microphone = true, init = null, goto = true, expectErrors = false, browser = world.browser, ...options } = {}) {
	const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
	if (microphone)
		await context.grantPermissions(["microphone"], { origin: new URL(world.base).origin });
	const page = await context.newPage();
	page.setDefaultTimeout(DEADLINE_MS);
	page.errors = [];
	page.on("pageerror", (e) => page.errors.push(e.message));
	page.on("console", (m) => {
		if (m.type() === "error" && !/Failed to load resource/.test(m.text()))
			page.errors.push(m.text());
	});
	page.on("dialog", (d) => d.accept());
	await page.addInitScript(watched);
	if (init)
		await page.addInitScript(init);
	if (goto)
		await page.goto(world.base);
	page.done = async () => {
		const live = page.url().startsWith(world.base) ? await page.evaluate(() => window.vgLive?.join() ?? "").catch(() => "") : "";
		await context.close();
		same(live, "", "states in which the microphone was still open");
		if (!expectErrors)
			same(page.errors.join(" | "), "", "errors on the page");
	};
	return page;
}

export function state(page, ...names) {
	return page.waitForFunction((wanted) => wanted.includes(document.documentElement.dataset.state), names,
	    { polling: 20 }).then(async (h) => { await h.dispose(); }, async () => {
		const now = await page.evaluate(() => `${document.documentElement.dataset.state}: ${document.querySelector("#notice-title").textContent}`).catch(() => "gone");
		throw new Failed(`state ${names.join(" or ")} was not reached; it is ${now}`);
	});
}

export async function begin(page) {
	await state(page, "welcome", "ended");
	await page.click("#orb");
	await state(page, "ready");
}

/* How long the whole sentence takes to say, with a little to spare. */
export const SENTENCE_S = 3.6;

export async function record(page, seconds = 1.2) {
	await page.click("#orb");
	await state(page, "listening");
	await page.waitForFunction((s) => (window.vgStarted ??= performance.now()) + s * 1000 < performance.now(), seconds, { polling: 20 });
	await page.evaluate(() => { delete window.vgStarted; });
}

export async function speak(page, seconds) {
	await record(page, seconds);
	await page.click("#orb");
}

export async function picture(page, name) {
	mkdirSync(ARTEFACTS, { recursive: true });
	await page.evaluate(() => Promise.all(document.getAnimations().filter((a) => a.effect.getComputedTiming().iterations !== Infinity).map((a) => a.finished.catch(() => {}))));
	await page.screenshot({ path: path.join(ARTEFACTS, `${name}.png`) });
}

/* A refusal as the gateway words it, for states it cannot be driven into. */
export function refusal(status, error, headers = {}) {
	return {
		status,
		headers: { "Content-Type": "application/problem+json", "Cache-Control": "no-store", "X-Request-ID": "0b0c7a52-8f0e-4f4b-9f58-2f6d3a1c9e11", ...headers },
		body: JSON.stringify({ type: `/problems/${error}`, title: error, status, detail: error, error, request_id: "0b0c7a52-8f0e-4f4b-9f58-2f6d3a1c9e11" }),
	};
}

/* The next `times` calls of ROUTE get ANSWER (a refusal, or "abort"); then it is the server's again. */
export async function refuse(page, route, answer, times = 1) {
	let left = times;
	await page.route(`**${route}`, (r) => {
		if (left-- <= 0)
			return r.fallback();
		return answer === "abort" ? r.abort("connectionreset") : r.fulfill(answer);
	});
}

export const text = (page, selector) => page.locator(selector).innerText();
