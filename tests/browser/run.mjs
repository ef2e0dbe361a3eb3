/*
 * Runs every test of the page, one after the other, and ends with one line
 * `N passed, M failed`.
 *
 *	node run.mjs [word in a test's name...]
 *
 * VG_BASE_URL		the server to test (else a stand-in is started)
 * VG_ALLOWED_ORIGIN	with VG_BASE_URL: an http origin on 127.0.0.1 that is in
 *			its ALLOWED_ORIGINS; the tests listen on that port
 * VG_REPORTS_COMMAND	with VG_BASE_URL: a command that prints how many policy
 *			reports the server has as security events
 * VG_HTTPS_URL		with an http VG_BASE_URL: the same server over HTTPS
 * VG_TIGHT_URL		with VG_BASE_URL: a server that lets one session start in
 *			a minute, for the same allowed origin
 * VG_PATIENCE		a factor for all deadlines, where the machine is slow
 * VG_CERT_FILE		the certificate of what is HTTPS, to be trusted
 */

import { createHash, X509Certificate } from "node:crypto";
import { execFileSync, execSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { PATIENCE, launch, speech, foreignSite } from "./harness.mjs";
import { startMock } from "./mock.mjs";

const TEST_LIMIT_MS = 60_000 * PATIENCE;
const RUN_LIMIT_MS = 15 * 60_000 * PATIENCE;

for (const name of ["VG_ALLOWED_ORIGIN", "VG_REPORTS_COMMAND", ...(process.env.VG_BASE_URL?.startsWith("https:") ? ["VG_CERT_FILE"] : ["VG_HTTPS_URL", "VG_CERT_FILE"])])
	if (process.env.VG_BASE_URL && !process.env[name]) {
		console.error(`VG_BASE_URL is set, and ${name} is missing: see the top of run.mjs`);
		process.exit(64);
	}

const SUITES = ["conversation", "failures", "policy", "looks"];
const wanted = process.argv.length > 2 ? process.argv.slice(2) : [""];
const folder = mkdtempSync(path.join(tmpdir(), "voicegate-browser-"));
const world = { base: process.env.VG_BASE_URL?.replace(/\/$/, ""), mock: null, tight: process.env.VG_TIGHT_URL?.replace(/\/$/, ""), folder };
let passed = 0;
let failed = 0;

setTimeout(() => {
	console.error("the run took too long");
	console.log(`${passed} passed, ${failed + 1} failed`);
	process.exit(1);
}, RUN_LIMIT_MS).unref();

world.allowed = await foreignSite(world.base ? Number(new URL(process.env.VG_ALLOWED_ORIGIN).port) : 0);
world.foreign = await foreignSite(0, "localhost");
if (!world.base) {
	world.mock = await startMock({ build: path.join(folder, "web"), allowedOrigins: [world.allowed.origin] });
	world.base = world.mock.url;
}
if (world.mock) {
	const [key, cert] = [path.join(folder, "key.pem"), path.join(folder, "cert.pem")];
	execFileSync("openssl", ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key, "-out", cert,
		"-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"], { stdio: "ignore" });
	world.mockTls = await startMock({ build: path.join(folder, "web-tls"), tls: { key: readFileSync(key), cert: readFileSync(cert) } });
	world.secure = { base: world.mockTls.url, certificate: cert };
} else
	world.secure = { base: world.base.startsWith("https:") ? world.base : process.env.VG_HTTPS_URL, certificate: process.env.VG_CERT_FILE };
let trust = "";
if (world.secure.certificate) {
	const certificate = new X509Certificate(readFileSync(world.secure.certificate));
	trust = createHash("sha256").update(certificate.publicKey.export({ type: "spki", format: "der" })).digest("base64");
}
world.reports = () => world.mock ? world.mock.knobs.reports.length : Number(execSync(process.env.VG_REPORTS_COMMAND));
world.wav = speech(folder);
world.browser = await launch({ wav: world.wav, trust });
world.deaf = await launch({ trust });

try {
	for (const suite of SUITES) {
		for (const [name, test] of (await import(`./${suite}.test.mjs`)).default) {
			if (!wanted.some((word) => `${suite}: ${name}`.includes(word)))
				continue;
			const started = Date.now();
			let timer;
			const limit = new Promise((_, reject) => { timer = setTimeout(() => reject(new Error("took too long")), TEST_LIMIT_MS); });
			try {
				await Promise.race([test(world), limit]);
				passed++;
				console.log(`ok      ${suite}: ${name} (${Date.now() - started} ms)`);
			} catch (error) {
				failed++;
				console.log(`FAILED  ${suite}: ${name}\n        ${error.constructor.name === "Failed" ? error.message : error.stack}`);
			} finally {
				clearTimeout(timer);
				for (const browser of [world.browser, world.deaf])
					await Promise.all(browser.contexts().map((c) => c.close()));
			}
		}
	}
} finally {
	await world.browser.close();
	await world.deaf.close();
	await world.mock?.close();
	await world.mockTls?.close();
	await world.allowed.close();
	await world.foreign.close();
	rmSync(folder, { recursive: true, force: true });
}
if (passed + failed === 0) {
	console.error("no test has that name");
	failed = 1;
}
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
