/*
 * A stand-in for the gateway, as far as a browser can see it: the routes
 * and headers of the contract, with a conversation that is made up. It
 * serves the page as build.sh makes it, so that what is tested
 * is what is shipped, and lets the tests of the page run without a
 * database or a speech server. With VG_BASE_URL set it is not used.
 *
 * `knobs` is how a test (in the same process) sets limits and looks at
 * what arrived; the page has no way to it.
 */

import { createServer } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { execFileSync } from "node:child_process";
import { createHash, randomBytes, randomUUID } from "node:crypto";
import { appendFileSync, readFileSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";
import path from "node:path";

const WINDOW_S = 60;
const BODY_MAX = 10_485_760;
const SOURCE = fileURLToPath(new URL("../../assets/web", import.meta.url));
const TYPES = {
	html: "text/html; charset=utf-8", js: "text/javascript; charset=utf-8", css: "text/css; charset=utf-8",
	svg: "image/svg+xml", webmanifest: "application/manifest+json",
};

/*
 * The policy of the page; the server's must be the same, word for word.
 * Over plain HTTP a browser that knows report-to ignores report-uri, and
 * sends nothing to a reporting endpoint either: there the policy is given
 * twice, so that a report comes on either way (docs/PAGE.md).
 */
export function pagePolicy(nonce, secure) {
	const policy = [
		"default-src 'none'", `script-src 'nonce-${nonce}' 'strict-dynamic'`, "style-src 'self'", "img-src 'self'",
		"connect-src 'self'", "media-src 'self' blob:", "manifest-src 'self'", "base-uri 'none'", "form-action 'none'",
		"frame-ancestors 'none'", "require-trusted-types-for 'script'", "trusted-types 'none'",
	].join("; ");
	return secure ? `${policy}; report-uri /api/csp-report; report-to csp` :
	    `${policy}; report-to csp, ${policy}; report-uri /api/csp-report`;
}

/* A little of a soft tone: valid audio is all that is asked of it. */
function wav(seconds = 1.2, rate = 16_000) {
	const samples = Math.round(seconds * rate);
	const data = Buffer.alloc(44 + samples * 2);
	data.write("RIFF", 0);
	data.writeUInt32LE(36 + samples * 2, 4);
	data.write("WAVEfmt ", 8);
	data.writeUInt32LE(16, 16);
	data.writeUInt16LE(1, 20);
	data.writeUInt16LE(1, 22);
	data.writeUInt32LE(rate, 24);
	data.writeUInt32LE(rate * 2, 28);
	data.writeUInt16LE(2, 32);
	data.writeUInt16LE(16, 34);
	data.write("data", 36);
	data.writeUInt32LE(samples * 2, 40);
	for (let i = 0; i < samples; i++)
		data.writeInt16LE(Math.round(7000 * Math.sin(i / 12) * (0.6 + 0.4 * Math.sin(i / 2600))), 44 + i * 2);
	return data;
}

export async function startMock({ build, port = 0, allowedOrigins = [], thinkMs = 250, tls = null } = {}) {
	execFileSync("sh", [fileURLToPath(new URL("build.sh", import.meta.url)), SOURCE, build]);
	const index = readFileSync(path.join(build, "index.html"), "utf8");
	const indexHash = createHash("sha256").update(index).digest("hex").slice(0, 16);
	const assets = new Map(readdirSync(path.join(build, "assets")).map((n) => [n, readFileSync(path.join(build, "assets", n))]));

	const scheme = tls ? "https" : "http";
	const knobs = { limit: 10_000, thinkMs, needKey: "", reports: [], turns: [], sessions: new Map(), calls: 0 };
	const windows = new Map();
	const answers = new Map();
	const audio = new Map();

	function common(res, nonce) {
		res.setHeader("X-Request-ID", randomUUID());
		res.setHeader("Content-Security-Policy", nonce ? pagePolicy(nonce, tls !== null) : "default-src 'none'; frame-ancestors 'none'");
		if (nonce)
			res.setHeader("Reporting-Endpoints", "csp=\"/api/csp-report\"");
		res.setHeader("Strict-Transport-Security", "max-age=31536000; includeSubDomains");
		res.setHeader("X-Frame-Options", "DENY");
		res.setHeader("X-Content-Type-Options", "nosniff");
		res.setHeader("X-XSS-Protection", "1; mode=block");
		res.setHeader("Referrer-Policy", "strict-origin-when-cross-origin");
		res.setHeader("Permissions-Policy", "autoplay=(), camera=(), geolocation=(), microphone=(self)");
		res.setHeader("Cross-Origin-Opener-Policy", "same-origin");
		res.setHeader("Cross-Origin-Resource-Policy", "same-origin");
		res.setHeader("X-Permitted-Cross-Domain-Policies", "none");
		res.setHeader("Server", "voicegate");
	}

	function problem(res, status, error, title, headers = {}) {
		for (const [name, value] of Object.entries(headers))
			res.setHeader(name, value);
		res.writeHead(status, { "Content-Type": "application/problem+json", "Cache-Control": "no-store" });
		res.end(JSON.stringify({
			type: `/problems/${error}`, title, status, detail: title, error, request_id: res.getHeader("X-Request-ID"),
		}));
	}

	function json(res, value) {
		res.writeHead(200, { "Content-Type": "application/json", "Cache-Control": "no-store" });
		res.end(JSON.stringify(value));
	}

	function admitted(res, name, limit) {
		const now = Date.now() / 1000;
		let w = windows.get(name);
		if (!w || now >= w.end)
			windows.set(name, w = { used: 0, end: now + WINDOW_S });
		const left = Math.max(limit - w.used - 1, 0);
		const reset = Math.max(Math.ceil(w.end - now), 1);
		res.setHeader("RateLimit-Policy", `"${name}";q=${limit};w=${WINDOW_S}`);
		res.setHeader("RateLimit", `"${name}";r=${left};t=${reset}`);
		res.setHeader("X-RateLimit-Limit", limit);
		res.setHeader("X-RateLimit-Remaining", left);
		res.setHeader("X-RateLimit-Reset", reset);
		if (w.used >= limit) {
			problem(res, 429, "rate_limited", "Too many requests", { "Retry-After": reset });
			return false;
		}
		w.used++;
		return true;
	}

	/* Fetch's rules for whoever comes from another origin. False: answered. */
	function originAllowed(req, res, self) {
		const origin = req.headers.origin;
		if (!origin || origin === self) {
			if (!origin && req.method === "POST" && req.headers["sec-fetch-site"] === "cross-site") {
				problem(res, 403, "origin_denied", "Origin not allowed");
				return false;
			}
			return true;
		}
		res.setHeader("Vary", "Origin");
		const allowed = allowedOrigins.includes(origin);
		if (allowed) {
			res.setHeader("Access-Control-Allow-Origin", origin);
			res.setHeader("Access-Control-Expose-Headers",
			    "RateLimit, RateLimit-Policy, Retry-After, X-RateLimit-Limit, X-RateLimit-Remaining, X-RateLimit-Reset, X-Request-ID");
		}
		if (req.method === "OPTIONS") {
			const wanted = (req.headers["access-control-request-headers"] ?? "").split(",").map((h) => h.trim().toLowerCase()).filter(Boolean);
			const fits = allowed && ["GET", "POST"].includes(req.headers["access-control-request-method"]) &&
			    wanted.every((h) => ["content-type", "authorization"].includes(h));
			if (!fits) {
				res.removeHeader("Access-Control-Allow-Origin");
				problem(res, 403, "origin_denied", "Origin not allowed");
				return false;
			}
			res.writeHead(204, {
				"Access-Control-Allow-Methods": "GET, POST", "Access-Control-Allow-Headers": "Content-Type, Authorization", "Access-Control-Max-Age": "600",
			});
			res.end();
			return false;
		}
		if (!allowed && req.method === "POST") {
			problem(res, 403, "origin_denied", "Origin not allowed");
			return false;
		}
		return true;
	}

	async function bodyOf(req) {
		const chunks = [];
		let size = 0;
		for await (const chunk of req) {
			size += chunk.length;
			if (size > BODY_MAX)
				return null;
			chunks.push(chunk);
		}
		return Buffer.concat(chunks);
	}

	function sendPage(req, res) {
		/* The tag carries the nonce: see docs/PAGE.md. */
		const [, tag, old] = /^"([0-9a-f]{16})-([A-Za-z0-9_-]{22})"$/.exec(req.headers["if-none-match"] ?? "") ?? [];
		const known = tag === indexHash;
		const nonce = known ? old : randomBytes(16).toString("base64url");
		common(res, nonce);
		res.setHeader("ETag", `"${indexHash}-${nonce}"`);
		res.setHeader("Cache-Control", "private, no-cache");
		if (known) {
			res.writeHead(304);
			return res.end();
		}
		res.writeHead(200, { "Content-Type": TYPES.html });
		res.end(req.method === "HEAD" ? "" : index.replaceAll("{{nonce}}", nonce)
		    .replace("{{audio_ttl_hours}}", "24").replace("{{transcript_retention_days}}", "30"));
	}

	function sendAsset(req, res, name) {
		common(res);
		if (!assets.has(name) || /\.(gz|br)$/.test(name))
			return problem(res, 404, "not_found", "Not found");
		const accepts = req.headers["accept-encoding"] ?? "";
		const [coding, suffix] = /\bbr\b/.test(accepts) && assets.has(`${name}.br`) ? ["br", ".br"] :
		    /\bgzip\b/.test(accepts) && assets.has(`${name}.gz`) ? ["gzip", ".gz"] : ["", ""];
		res.setHeader("Content-Type", TYPES[name.split(".").pop()]);
		res.setHeader("Cache-Control", "public, max-age=31536000, immutable");
		res.setHeader("Vary", "Accept-Encoding");
		if (coding)
			res.setHeader("Content-Encoding", coding);
		res.end(assets.get(name + suffix));
	}

	async function voice(req, res) {
		const body = await bodyOf(req);
		if (body === null)
			return problem(res, 413, "too_large", "Too large", { Connection: "close" });
		const text = body.toString("latin1");
		const id = /name="session_id"\r\n\r\n([^\r]+)/.exec(text)?.[1];
		if (!id || !/name="audio"; filename=/.test(text))
			return problem(res, 400, "bad_request", "Not the parts that were asked for");
		if (!knobs.sessions.has(id))
			return problem(res, 404, "session_not_found", "No such session");
		const key = req.headers["idempotency-key"];
		if (!answers.has(key)) {
			knobs.turns.push({ id, key, bytes: body.length, body });
			const audioId = randomUUID();
			audio.set(audioId, id);
			answers.set(key, {
				session_id: id, transcript: "I have been feeling sad since my father died",
				text: "You have been carrying this sadness since your father died. What do you miss most about him?",
				audio_url: `/api/voice/audio/${audioId}`,
			});
		}
		await new Promise((resolve) => setTimeout(resolve, knobs.thinkMs));
		json(res, answers.get(key));
	}

	async function handle(req, res) {
		const url = new URL(req.url, "http://mock.invalid");
		const route = url.pathname.replace(/^\/api\/v1\//, "/api/");
		const self = `${scheme}://${req.headers.host}`;

		if (route === "/" && ["GET", "HEAD"].includes(req.method))
			return sendPage(req, res);
		if (route.startsWith("/assets/"))
			return sendAsset(req, res, route.slice(8));
		common(res);
		if (!originAllowed(req, res, self))
			return;
		knobs.calls++;
		switch (`${req.method} ${route}`) {
		case "GET /api/health/live":
			return json(res, { status: "alive" });
		case "GET /api/health":
			if (admitted(res, "health", 60))
				json(res, { status: "healthy", version: "0", services: { postgres: "connected" } });
			return;
		case "POST /api/csp-report":
			knobs.reports.push(JSON.parse((await bodyOf(req)).toString()));
			res.writeHead(204);
			return res.end();
		}
		if (route.startsWith("/api/voice/audio/")) {
			if (!knobs.sessions.has(audio.get(route.slice(17))))
				return problem(res, 404, "not_found", "Not found");
			res.writeHead(200, { "Content-Type": "audio/wav", "Cache-Control": "private, no-store" });
			return res.end(wav());
		}
		if (knobs.needKey && req.headers.authorization !== `Bearer ${knobs.needKey}`)
			return problem(res, 401, "authentication_required", "Authentication required", { "WWW-Authenticate": "Bearer realm=\"voicegate\"" });
		switch (`${req.method} ${route}`) {
		case "POST /api/session/start": {
			if (!admitted(res, "session", knobs.limit))
				return;
			const id = randomUUID();
			knobs.sessions.set(id, Date.now());
			return json(res, {
				session_id: id, message: "I am here, and I am listening. What would you like to talk about?",
				expires_at: new Date(Date.now() + 86_400_000).toISOString(),
			});
		}
		case "POST /api/session/end": {
			if (!admitted(res, "end", knobs.limit))
				return;
			const { session_id: id } = JSON.parse((await bodyOf(req)).toString());
			if (!knobs.sessions.delete(id))
				return problem(res, 404, "session_not_found", "No such session");
			res.writeHead(204);
			return res.end();
		}
		case "POST /api/voice/process":
			if (admitted(res, "voice", knobs.limit))
				await voice(req, res);
			return;
		}
		problem(res, 404, "not_found", "Not found");
	}

	const answer = (req, res) => handle(req, res).catch(() => {
		if (!res.headersSent)
			problem(res, 500, "internal", "Something went wrong");
	});
	const server = tls ? createTlsServer(tls, answer) : createServer(answer);
	await new Promise((resolve) => server.listen(port, "127.0.0.1", resolve));
	return {
		url: `${scheme}://127.0.0.1:${server.address().port}`, knobs,
		close: () => new Promise((resolve) => { server.close(resolve); server.closeAllConnections(); }),
	};
}

/* By itself: PORT, VG_ALLOWED_ORIGIN, VG_CERT_FILE with VG_KEY_FILE as the tests know them. */
if (process.argv[1] === fileURLToPath(import.meta.url)) {
	const { PORT = "0", TMPDIR = "/tmp", VG_ALLOWED_ORIGIN, VG_CERT_FILE, VG_KEY_FILE, VG_REPORTS_FILE } = process.env;
	const mock = await startMock({
		build: path.join(TMPDIR, `voicegate-page-${process.pid}`), port: Number(PORT),
		allowedOrigins: VG_ALLOWED_ORIGIN ? [VG_ALLOWED_ORIGIN] : [],
		tls: VG_CERT_FILE ? { cert: readFileSync(VG_CERT_FILE), key: readFileSync(VG_KEY_FILE) } : null,
	});
	if (VG_REPORTS_FILE)
		mock.knobs.reports.push = (r) => appendFileSync(VG_REPORTS_FILE, `${JSON.stringify(r)}\n`);
	console.log(mock.url);
}
