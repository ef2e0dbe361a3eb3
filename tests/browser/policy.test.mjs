/*
 * The page under its own policy, and foreign sites under the server's: what
 * a browser really refuses.
 */

import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { promisify } from "node:util";
import http from "node:http";
import https from "node:https";
import { PATIENCE, begin, check, openPage, same, speak, state, until } from "./harness.mjs";
import { pagePolicy } from "./mock.mjs";

const require = createRequire(import.meta.url);
const { CspEvaluator } = require("csp_evaluator/dist/evaluator.js");
const { CspParser } = require("csp_evaluator/dist/parser.js");
const { Version } = require("csp_evaluator/dist/csp.js");

const NONCE = /'nonce-([A-Za-z0-9+/_=-]+)'/;
const REPORT_DEADLINE_MS = 30_000 * PATIENCE;

/*
 * All that a site can earn which sets no cookie (no bonus without one) and
 * is not on the browsers' preload list (which is asked for by a domain's
 * owner, not by a server).
 */
const BONUS = {
	"content-security-policy": 10, "cross-origin-resource-policy": 10, "referrer-policy": 5,
	"subresource-integrity": 5, "x-frame-options": 5,
};

function get(url, headers = {}) {
	return new Promise((resolve, reject) => {
		const client = url.startsWith("https:") ? https : http;
		client.get(url, { headers, rejectUnauthorized: false, agent: false }, (res) => {
			const chunks = [];
			res.on("data", (c) => chunks.push(c));
			res.on("end", () => resolve({ status: res.statusCode, headers: res.headers, body: Buffer.concat(chunks) }));
		}).on("error", reject);
	});
}

/* Runs in a foreign page: what its script gets to see. */
function attempt([url, options]) {
	return fetch(url, options).then(
	    async (r) => ({ seen: true, status: r.status, id: r.headers.get("x-request-id"), limit: r.headers.get("ratelimit"), retry: r.headers.get("retry-after"), text: await r.text() }),
	    (e) => ({ seen: false, why: e.name }));
}

async function visit(world, site) {
	const context = await world.browser.newContext();
	const page = await context.newPage();
	await page.goto(`${site.origin}/`);
	return page;
}

function injectedScript(base) {
	return async (world) => {
		/* No permission is set: setting one takes all others away, and the Reporting API needs "background sync". */
		const page = await openPage(world, { goto: false, microphone: false, expectErrors: true, ignoreHTTPSErrors: true });
		const before = world.reports();
		await page.route(base(world) + "/", async (r) => {
			const answer = await r.fetch();
			const body = (await answer.text()).replace("</main>",
			    "</main><script>window.hacked=1</script><img src=x onerror=\"window.hacked=2\"><p style=\"color:red\" id=styled>x</p>");
			await r.fulfill({ response: answer, body });
		});
		await page.goto(base(world));
		await state(page, "welcome");
		same(await page.evaluate(() => window.hacked), undefined, "the injected script ran");
		check(await page.evaluate(() => getComputedStyle(document.getElementById("styled")).color !== "rgb(255, 0, 0)"), "the injected style applied");
		await until(() => world.reports() > before, "its report arrives", REPORT_DEADLINE_MS);
		if (world.mock) {
			const words = JSON.stringify([...world.mock.knobs.reports, ...(world.mockTls?.knobs.reports ?? [])].slice(before));
			check(/script-src/.test(words) && /inline/.test(words), "the report does not say what was blocked");
		}
		await page.done();
	};
}

export default [
	["the policy is the agreed one, with a fresh nonce in each response", async (world) => {
		const one = await get(`${world.base}/`);
		const two = await get(`${world.base}/`);
		const nonce = NONCE.exec(one.headers["content-security-policy"])[1];
		same(one.headers["content-security-policy"], pagePolicy(nonce, world.base.startsWith("https:")), "policy");
		check(nonce.length >= 22, "a nonce of less than 128 bits");
		check(nonce !== NONCE.exec(two.headers["content-security-policy"])[1], "two responses share a nonce");
		const html = one.body.toString();
		const used = [...html.matchAll(/nonce="([^"]*)"/g)].map((m) => m[1]);
		check(used.length > 0 && used.every((n) => n === nonce), "the page's nonce is not its policy's");
		check(!/\sstyle=|<style|\son[a-z]+=|javascript:|\{\{/i.test(html), "inline style, inline handler or a placeholder in the page");
		same(one.headers["reporting-endpoints"], "csp=\"/api/csp-report\"", "Reporting-Endpoints");
	}],

	["Google's csp_evaluator finds nothing", async (world) => {
		const header = (await get(`${world.base}/`)).headers["content-security-policy"];
		for (const policy of header.split(","))
			for (const version of [Version.CSP2, Version.CSP3]) {
				const findings = new CspEvaluator(new CspParser(policy).csp, version).evaluate();
				same(findings.map((f) => f.description).join(" | "), "", `findings (CSP${version})`);
			}
	}],

	["the HTTP Observatory grants A+ with every bonus point there is", async (world) => {
		const url = new URL(world.secure.base);
		const { stdout } = await promisify(execFile)(process.execPath,
		    [fileURLToPath(new URL("observatory.mjs", import.meta.url)), url.hostname, url.port || "443"],
		    { env: { ...process.env, NODE_EXTRA_CA_CERTS: world.secure.certificate }, timeout: 40_000 * PATIENCE });
		const out = JSON.parse(stdout);
		const failures = Object.entries(out.tests).filter(([, t]) => !t.pass).map(([n, t]) => `${n}: ${t.result}`);
		same(failures.join(", "), "", "tests failed");
		same(out.grade, "A+", "grade");
		for (const [name, points] of Object.entries(BONUS))
			same(out.tests[name].modifier, points, `points for ${name} (${out.tests[name].result})`);
		same(out.score, 100 + Object.values(BONUS).reduce((a, b) => a + b), "score");
	}],

	["revalidation: 304, and the kept page still runs", async (world) => {
		const first = await get(`${world.base}/`);
		check(first.headers.etag, "no ETag");
		const again = await get(`${world.base}/`, { "If-None-Match": first.headers.etag });
		same(again.status, 304, "status");
		same(again.body.length, 0, "bytes of body");
		const policy = again.headers["content-security-policy"];
		if (policy)
			same(NONCE.exec(policy)[1], NONCE.exec(first.headers["content-security-policy"])[1], "a 304's nonce replaces the kept one, and");
		same((await get(`${world.base}/`, { "If-None-Match": "\"other\"" })).status, 200, "status for another tag");
		const page = await openPage(world);
		for (let i = 0; i < 3; i++) {
			await state(page, "welcome");
			await page.goto(world.base);
		}
		await page.reload();
		await state(page, "welcome");
		await page.done();
	}],

	["files: hashed names, kept for ever, compressed, and what their integrity says", async (world) => {
		const html = (await get(`${world.base}/`)).body.toString();
		const tags = [...html.matchAll(/<(?:link|script)[^>]*(?:href|src)="(\/assets\/[^"]+)"[^>]*>/g)];
		same(tags.length, 4, "files: icon, manifest, style, script");
		for (const [tag, path] of tags) {
			check(/\.[0-9a-f]{16}\.[a-z]+$/.test(path), `no hash in ${path}`);
			const plain = await get(world.base + path, { "Accept-Encoding": "identity" });
			same(plain.status, 200, path);
			same(plain.headers["cache-control"], "public, max-age=31536000, immutable", `Cache-Control of ${path}`);
			same(plain.headers["content-encoding"], undefined, `Content-Encoding of ${path}`);
			check(/Accept-Encoding/i.test(plain.headers.vary ?? ""), `no Vary at ${path}`);
			const gzip = await get(world.base + path, { "Accept-Encoding": "gzip" });
			same(gzip.headers["content-encoding"], "gzip", `Content-Encoding of ${path}`);
			check(gunzipSync(gzip.body).equals(plain.body), `gzip of ${path} is something else`);
			const br = await get(world.base + path, { "Accept-Encoding": "gzip, br" });
			check(["br", "gzip"].includes(br.headers["content-encoding"]), `Content-Encoding of ${path}`);
			check((br.headers["content-encoding"] === "br" ? brotliDecompressSync : gunzipSync)(br.body).equals(plain.body), `br of ${path} is something else`);
			const integrity = /integrity="sha384-([^"]+)"/.exec(tag)?.[1];
			if (/rel="stylesheet"|<script/.test(tag))
				same(createHash("sha384").update(plain.body).digest("base64"), integrity, `integrity of ${path}`);
		}
	}],

	["an injected inline script does not run, and is reported", injectedScript((world) => world.base)],
	["the same over HTTPS, by the reporting endpoint", async (world) => {
		const { reports } = world;
		if (world.mockTls)
			world.reports = () => world.mockTls.knobs.reports.length;
		try {
			await injectedScript((w) => w.secure.base)(world);
		} finally {
			world.reports = reports;
		}
	}],

	["a string cannot become markup or a script's address: Trusted Types", async (world) => {
		const page = await openPage(world, { expectErrors: true });
		const names = await page.evaluate(() => [
			() => { document.body.innerHTML = "<b>x</b>"; },
			() => { document.createElement("script").src = "/x.js"; },
			() => { document.createElement("script").text = "window.hacked = 1"; },
			() => { new DOMParser().parseFromString("<b>x</b>", "text/html"); },
			() => { trustedTypes.createPolicy("mine", { createHTML: (s) => s }); },
		].map((f) => {
			try {
				f();
				return "allowed";
			} catch (e) {
				return e.name;
			}
		}));
		same(names.join(), "TypeError,TypeError,TypeError,TypeError,TypeError", "outcomes");
		await page.done();
	}],

	["nothing is asked of another host", async (world) => {
		const page = await openPage(world, { goto: false });
		const hosts = new Set();
		page.on("request", (r) => hosts.add(new URL(r.url().replace(/^blob:/, "")).origin));
		await page.goto(world.base);
		await begin(page);
		await speak(page);
		await state(page, "speaking");
		same([...hosts].join(), new URL(world.base).origin, "hosts asked");
		same((await page.context().cookies()).length, 0, "cookies");
		await page.done();
	}],

	["the page cannot be framed", async (world) => {
		for (const site of [world.foreign, world.allowed]) {
			const page = await visit(world, site);
			await page.evaluate((src) => new Promise((resolve) => {
				const frame = document.createElement("iframe");
				frame.onload = resolve;
				frame.src = src;
				document.body.append(frame);
			}), `${world.base}/`);
			const frame = page.frames()[1];
			check(!frame.url().startsWith(world.base), `framed by ${site.origin}`);
			same(await frame.locator("#orb").count(), 0, `what ${site.origin} shows of it`);
			await page.context().close();
		}
	}],

	["an allowed origin reads answers, plain and preflighted", async (world) => {
		const page = await visit(world, world.allowed);
		const health = await page.evaluate(attempt, [`${world.base}/api/health`, {}]);
		check(health.seen && health.status === 200, "GET health was not readable");
		check(health.id && health.limit, "X-Request-ID or RateLimit was not exposed");
		const start = await page.evaluate(attempt, [`${world.base}/api/session/start`, { method: "POST" }]);
		check(start.seen && start.status === 200, "a simple POST was refused");
		const end = await page.evaluate(attempt, [`${world.base}/api/session/end`, {
			method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ session_id: JSON.parse(start.text).session_id }),
		}]);
		check(end.seen && end.status === 204, "a preflighted POST was refused");
		const error = await page.evaluate(attempt, [`${world.base}/api/nothing-here`, {}]);
		check(error.seen && error.status === 404 && error.id, "an error was not readable");
		const header = await page.evaluate(attempt, [`${world.base}/api/session/start`, { method: "POST", headers: { "X-Other": "1" } }]);
		check(!header.seen, "a header that is not allowed passed the preflight");
		const method = await page.evaluate(attempt, [`${world.base}/api/session/start`, { method: "DELETE" }]);
		check(!method.seen, "a method that is not allowed passed the preflight");
		if (world.mock || world.tight) {
			if (world.mock)
				world.mock.knobs.limit = 0;
			else
				await page.evaluate(attempt, [`${world.tight}/api/session/start`, { method: "POST" }]);
			const limited = await page.evaluate(attempt, [`${world.tight ?? world.base}/api/session/start`, { method: "POST" }]);
			if (world.mock)
				world.mock.knobs.limit = 10_000;
			check(limited.seen && limited.status === 429 && Number(limited.retry) > 0, "a 429 with its Retry-After was not readable");
		}
		const key = await page.evaluate(attempt, [`${world.base}/api/voice/process`, { method: "POST", headers: { "Idempotency-Key": "1" }, body: "x" }]);
		check(!key.seen, "Idempotency-Key passed the preflight");
		const keyed = await page.evaluate(attempt, [`${world.base}/api/health`, { headers: { Authorization: "Bearer x" } }]);
		check(keyed.seen && keyed.status === 200, "a GET with Authorization was refused");
		await page.context().close();
	}],

	["a foreign origin reads nothing and starts nothing", async (world) => {
		const page = await visit(world, world.foreign);
		const statuses = [];
		const cdp = await page.context().newCDPSession(page);
		cdp.on("Network.responseReceivedExtraInfo", (r) => statuses.push(r.statusCode));
		await cdp.send("Network.enable");
		const sessions = world.mock?.knobs.sessions.size;
		for (const [what, path, options] of [
			["GET", "/api/health", {}],
			["simple POST", "/api/session/start", { method: "POST" }],
			["POST of text", "/api/session/end", { method: "POST", body: "{}" }],
			["preflighted POST", "/api/session/end", { method: "POST", headers: { "Content-Type": "application/json" }, body: "{}" }],
			["preflighted upload", "/api/voice/process", { method: "POST", headers: { Authorization: "Bearer x" }, body: "x" }],
		])
			check(!(await page.evaluate(attempt, [world.base + path, options])).seen, `${what} was readable`);
		await page.evaluate((url) => fetch(url, { method: "POST", mode: "no-cors" }).catch(() => {}), `${world.base}/api/session/start`);
		if (world.mock)
			same(world.mock.knobs.sessions.size, sessions, "sessions started");
		check(statuses.includes(403) && !statuses.includes(204), `statuses ${statuses}`);
		await page.context().close();
	}],

	["the origin null is never allowed", async (world) => {
		const page = await visit(world, world.allowed);
		const seen = await page.evaluate((base) => new Promise((resolve) => {
			window.addEventListener("message", (e) => resolve(e.data), { once: true });
			const frame = document.createElement("iframe");
			frame.sandbox = "allow-scripts";
			frame.srcdoc = `<script>fetch("${base}/api/health").then(() => "readable", () => "refused").then((w) => parent.postMessage(w, "*"))</` + "script>";
			document.body.append(frame);
		}), world.base);
		same(seen, "refused", "a sandboxed frame");
		await page.context().close();
	}],
];
