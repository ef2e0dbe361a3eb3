/*
 * What a person meets: accessible in every state, light and dark, on any
 * screen, quick to be there, and never jumping.
 */

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { begin, check, openPage, picture, record, refuse, refusal, same, speak, state, text } from "./harness.mjs";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const SCREENS = [
	["light", { colorScheme: "light" }],
	["dark", { colorScheme: "dark" }],
	["phone", { colorScheme: "dark", viewport: { width: 360, height: 640 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true }],
	["phone-light", { colorScheme: "light", viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true }],
];
const TRANSFER_LIMIT = 60_000;
const LOADS = 5;

/* The end of what moves once is waited for: axe sees the page as it rests. */
async function accessible(page, where) {
	await page.evaluate(() => Promise.all(document.getAnimations().filter((a) => a.effect.getComputedTiming().iterations !== Infinity).map((a) => a.finished.catch(() => {}))));
	await page.evaluate(AXE);
	const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
	same(violations.map((v) => `${v.id}: ${v.nodes.map((n) => `${n.target} (${n.any.concat(n.all, n.none).map((c) => c.message).join("; ")})`).join(", ")}`).join(" | "), "", `axe, ${where}`);
	const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
	check(wide <= 0, `${where}: ${wide} px wider than the screen`);
	const cut = await page.evaluate(() => {
		const { bottom, top } = document.getElementById("orb").getBoundingClientRect();
		return bottom > innerHeight || top < 0;
	});
	check(!cut, `${where}: the light is not on the screen`);
}

function everyState([screen, options]) {
	return [`axe finds nothing, a picture of each state: ${screen}`, async (world) => {
		const page = await openPage(world, { ...options });
		const at = async (name) => {
			await accessible(page, `${screen}, ${name}`);
			await picture(page, `${screen}-${name}`);
		};
		await state(page, "welcome");
		await at("welcome");
		for (const dialog of ["privacy", "help"]) {
			await page.click(`[data-open="${dialog}"]`);
			await at(dialog);
			await page.keyboard.press("Escape");
		}
		await begin(page);
		await at("ready");
		await record(page);
		await at("listening");
		let release;
		const held = new Promise((resolve) => { release = resolve; });
		await page.route("**/api/voice/process", async (r) => { await held; await r.continue(); }, { times: 1 });
		await page.click("#orb");
		await state(page, "thinking", "sending");
		await at("thinking");
		release();
		await state(page, "speaking");
		await picture(page, `${screen}-speaking`);
		await accessible(page, `${screen}, speaking`);
		await state(page, "ready");
		await at("answered");
		await page.click("#leave");
		await at("ending");
		await page.keyboard.press("Escape");

		await refuse(page, "/api/voice/process", refusal(429, "rate_limited", { "Retry-After": "50" }));
		await speak(page);
		await state(page, "waiting");
		await at("waiting");
		await page.click("#notice-actions [data-action=discard]");
		await refuse(page, "/api/health/live", "abort", 100);
		await refuse(page, "/api/voice/process", "abort");
		await speak(page);
		await state(page, "offline");
		await at("offline");
		await page.click("#notice-actions [data-action=discard]");
		await refuse(page, "/api/voice/process", refusal(500, "internal"));
		await speak(page);
		await state(page, "error");
		await at("error");
		await page.done();
	}];
}

export default [
	...SCREENS.map(everyState),

	["under 60 kB, and nothing shifts", async (world) => {
		const times = [];
		const init = () => {
			window.shifts = [];
			new PerformanceObserver((list) => window.shifts.push(...list.getEntries().map((e) => ({ value: e.value, recent: e.hadRecentInput }))))
			    .observe({ type: "layout-shift", buffered: true });
			new MutationObserver((_, o) => {
				if (document.documentElement?.dataset.state === "welcome") {
					window.interactive = performance.now();
					o.disconnect();
				}
			}).observe(document, { attributes: true, subtree: true, childList: true });
		};
		/* The browser has a process for the site already, and nothing of the page in its cache. */
		const soon = [];
		for (let i = 0; i < LOADS; i++) {
			const page = await openPage(world, { goto: false, init });
			await page.goto(`${world.base}/api/health`);
			await page.goto(world.base);
			await state(page, "welcome");
			soon.push(await page.evaluate(() => window.interactive));
			await page.done();
		}
		for (let i = 0; i < LOADS; i++) {
			const page = await openPage(world, { goto: false, init });
			const cdp = await page.context().newCDPSession(page);
			let bytes = 0;
			cdp.on("Network.loadingFinished", (e) => { bytes += e.encodedDataLength; });
			await cdp.send("Network.enable");
			await page.goto(world.base);
			await state(page, "welcome");
			times.push(await page.evaluate(() => window.interactive));
			check(bytes > 10_000 && bytes < TRANSFER_LIMIT, `${bytes} bytes transferred`);
			if (i === LOADS - 1) {
				console.log(`        ${bytes} bytes; interactive after ${soon.map((t) => Math.round(t)).join(", ")} ms, in a process made for it ${times.map((t) => Math.round(t)).join(", ")} ms`);
				await begin(page);
				await speak(page);
				await state(page, "speaking");
				await state(page, "ready");
				const shifts = await page.evaluate(() => window.shifts);
				same(shifts.reduce((sum, s) => sum + s.value, 0), 0, "layout shift over a whole conversation");
			}
			await page.done();
		}
	}],

	["the API's page: axe finds nothing, nothing is blocked", async (world) => {
		if (world.mock)
			return;		/* it serves none */
		for (const colorScheme of ["light", "dark"]) {
			const page = await openPage(world, { goto: false, colorScheme });
			await page.goto(`${world.base}/docs/api`);
			await page.evaluate(AXE);
			const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
			same(violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.target)}`).join(" | "), "", `axe, ${colorScheme}`);
			check(await page.evaluate(() => document.styleSheets.length === 1 && document.styleSheets[0].cssRules.length > 5), "the style was not loaded");
			check(await page.locator("section").count() > 8, "too few operations");
			const lost = await page.evaluate(() => [...document.querySelectorAll("a[href^='#']")].filter((a) => !document.querySelector(a.getAttribute("href"))).map((a) => a.href));
			same(lost.join(), "", "links that lead nowhere");
			await picture(page, `api-${colorScheme}`);
			await page.done();
		}
	}],

	["less motion: nothing moves by itself, and the level is still shown", async (world) => {
		const page = await openPage(world, { reducedMotion: "reduce" });
		await begin(page);
		same(await page.evaluate(() => document.getAnimations().length), 0, "animations");
		await record(page);
		same(await page.evaluate(() => document.getAnimations().length), 0, "animations while it listens");
		await page.waitForFunction(() => Number(getComputedStyle(document.getElementById("orb")).getPropertyValue("--level")) > 0.15);
		await picture(page, "still-listening");
		await page.done();
	}],

	["forced colours: the light is still a button", async (world) => {
		const page = await openPage(world, { forcedColors: "active" });
		await begin(page);
		check(await page.evaluate(() => parseFloat(getComputedStyle(document.getElementById("orb")).borderTopWidth) >= 2), "no border");
		await picture(page, "forced-colours");
		await page.done();
	}],

	["narrow (320 px), low (640 by 360) and zoomed (1280 by 800 at 200 %)", async (world) => {
		for (const [name, width, height, deviceScaleFactor] of [["narrow", 320, 568, 1], ["low", 640, 360, 1], ["zoomed", 640, 400, 2]]) {
			const page = await openPage(world, { viewport: { width, height }, deviceScaleFactor });
			await state(page, "welcome");
			await picture(page, `${name}-welcome`);
			await accessible(page, name);
			await begin(page);
			await speak(page);
			await state(page, "speaking");
			await picture(page, `${name}-speaking`);
			await accessible(page, name);
			await page.done();
		}
	}],

	["every control has a name, a size for fingers, and can be reached by Tab", async (world) => {
		const page = await openPage(world);
		await begin(page);
		await speak(page);
		await state(page, "speaking");
		await state(page, "ready");
		const small = await page.evaluate(() => [...document.querySelectorAll("button")].filter((b) => b.checkVisibility())
		    .map((b) => [b.textContent.trim(), b.getBoundingClientRect()]).filter(([n, r]) => !n || r.height < 44 || r.width < 44).map(([n, r]) => `${n} ${r.width}x${r.height}`));
		same(small.join(), "", "too small, or without a name");
		const reached = [];
		await page.evaluate(() => document.activeElement.blur());
		for (let i = 0; i < 7; i++) {
			await page.keyboard.press("Tab");
			reached.push(await page.evaluate(() => document.activeElement.id || document.activeElement.dataset.open || document.activeElement.className));
		}
		same([...new Set(reached.filter(Boolean))].slice(0, 6).join(), "leave,privacy,help,log,replay,orb", "order of Tab");
		await page.done();
	}],

	["what is kept is told as the server is set", async (world) => {
		const page = await openPage(world, { goto: false, ignoreHTTPSErrors: true });
		await page.route(`${world.base}/`, async (r) => {
			const answer = await r.fetch();
			const body = (await answer.text()).replace(/content="audio-hours=[^"]*"/, "content=\"audio-hours=1 transcript-days=0\"");
			await r.fulfill({ response: answer, body });
		});
		await page.goto(world.base);
		await state(page, "welcome");
		await page.click("[data-open=privacy]");
		check(/for 1 hour at most/.test(await text(page, "#keep-audio")), "hours");
		check(/only while it is answered/.test(await text(page, "#keep-words")), "days");
		await page.done();
	}],
];
