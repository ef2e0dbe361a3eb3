/*
 * The page's side of the contract: one function a route.
 *
 * XMLHttpRequest and not fetch(), for all of them, because it is the only
 * way that tells how much of an upload has left, in every browser, over
 * HTTP/1.1. Every failure comes out as one ApiError, whose `kind` says
 * what happened on the way ("network", "timeout", "aborted", "local") or that the
 * server itself refused ("http", then with the status and the stable word
 * of its problem+json).
 *
 * Nothing of the conversation is kept here. The access key, where the
 * server asks for one, is kept in sessionStorage: for this tab, and through
 * a reload. A key that was not accepted is forgotten at once.
 */

const SHORT_TIMEOUT_MS = 15_000;
const VOICE_TIMEOUT_MS = 120_000;
const AUDIO_TIMEOUT_MS = 300_000;
const AUDIO_IDLE_MS = 15_000;	/* a reply may take long, as long as it comes */
const RETRY_AFTER_DEFAULT_S = 5;
const RETRY_AFTER_MAX_S = 3600;
const AUDIO_PATH = /^\/api\/(?:v1\/)?voice\/audio\/[0-9a-f-]{36}$/;

const EXTENSIONS = new Map([
	["audio/webm", "webm"], ["audio/mp4", "m4a"], ["audio/ogg", "ogg"],
]);

const KEY_STORE = "voicegate.key";
const KEY_FORM = /^[\x21-\x7e]+$/;

let accessKey = "";
try {
	const kept = sessionStorage.getItem(KEY_STORE) ?? "";
	accessKey = KEY_FORM.test(kept) ? kept : "";
} catch {
	/* No storage: the key is asked for again after a reload. */
}

export class ApiError extends Error {
	constructor(kind, { status = 0, word = "", requestId = "", retryAfter = 0 } = {}) {
		super(`${kind} ${status} ${word}`);
		this.kind = kind;
		this.status = status;
		this.word = word;
		this.requestId = requestId;
		this.retryAfter = retryAfter;
	}
}

/*
 * What was typed or pasted, without what cannot be seen (chats, mails and
 * PDFs put it there); "" where a character remains that no key has and no
 * header field can carry.
 */
export function cleanKey(typed) {
	const key = typed.replace(/\p{Cf}/gu, "").trim();
	return KEY_FORM.test(key) ? key : "";
}

export function setAccessKey(key) {
	accessKey = key;
	try {
		if (key)
			sessionStorage.setItem(KEY_STORE, key);
		else
			sessionStorage.removeItem(KEY_STORE);
	} catch {
		/* Then it is here only. */
	}
}

/* RFC 9110, 10.2.3: seconds or a date. 0 where the answer has none. */
export function retryAfterSeconds(value, now) {
	if (!value)
		return 0;
	const seconds = /^\d+$/.test(value.trim()) ? Number(value) : (Date.parse(value) - now) / 1000;
	if (!Number.isFinite(seconds))
		return RETRY_AFTER_DEFAULT_S;
	return Math.min(Math.max(Math.ceil(seconds), 1), RETRY_AFTER_MAX_S);
}

/*
 * idle: gives up when nothing has come for so long. A request that cannot
 * even be made fails as "local", so that whoever asked is answered always.
 */
function send(method, path, { body = null, headers = {}, timeout = SHORT_TIMEOUT_MS, idle = 0, signal, onSent } = {}) {
	return new Promise((resolve, reject) => {
		const xhr = new XMLHttpRequest();
		let timer = 0;
		const abort = () => xhr.abort();
		const settled = () => {
			clearTimeout(timer);
			signal?.removeEventListener("abort", abort);
		};
		const fail = (kind) => {
			settled();
			reject(new ApiError(kind));
		};
		const alive = () => {
			clearTimeout(timer);
			timer = setTimeout(() => {
				fail("timeout");
				abort();
			}, idle);
		};

		if (signal?.aborted)
			return fail("aborted");
		xhr.onerror = () => fail("network");
		xhr.ontimeout = () => fail("timeout");
		xhr.onabort = () => fail("aborted");
		xhr.onload = () => {
			settled();
			resolve(xhr);
		};
		if (onSent) {
			xhr.upload.onprogress = (e) => e.lengthComputable && onSent(Math.min(e.loaded / e.total, 0.99));
			xhr.upload.onload = () => onSent(1);
		}
		if (idle) {
			xhr.onprogress = alive;
			alive();
		}
		signal?.addEventListener("abort", abort, { once: true });
		try {
			xhr.open(method, path);
			xhr.responseType = "blob";
			xhr.timeout = timeout;
			for (const [name, value] of Object.entries(headers))
				xhr.setRequestHeader(name, value);
			if (accessKey)
				xhr.setRequestHeader("Authorization", `Bearer ${accessKey}`);
			xhr.send(body);
		} catch {
			fail("local");
		}
	});
}

/* The server's clock, as its answer says: the device's own may be wrong. */
const serverNow = (xhr) => Date.parse(xhr.getResponseHeader("Date")) || Date.now();

async function call(method, path, options) {
	const xhr = await send(method, path, options);

	if (xhr.status >= 200 && xhr.status < 300)
		return xhr;
	if (xhr.status === 401)
		setAccessKey("");
	let problem = {};
	try {
		problem = JSON.parse(await xhr.response.text());
	} catch {
		/* A proxy's page instead of a problem: the status has to do. */
	}
	throw new ApiError("http", {
		status: xhr.status,
		word: typeof problem?.error === "string" ? problem.error : "",
		requestId: xhr.getResponseHeader("X-Request-ID") ?? "",
		retryAfter: retryAfterSeconds(xhr.getResponseHeader("Retry-After"), serverNow(xhr)),
	});
}

async function callJson(method, path, options) {
	const xhr = await call(method, path, options);
	try {
		return { xhr, answer: JSON.parse(await xhr.response.text()) };
	} catch {
		throw new ApiError("http", { status: 502, word: "bad_answer" });
	}
}

export async function startSession(options) {
	const { xhr, answer } = await callJson("POST", "/api/session/start", options);
	if (typeof answer?.session_id !== "string")
		throw new ApiError("http", { status: 502, word: "bad_answer" });
	return {
		id: answer.session_id, message: String(answer.message ?? ""),
		lifetimeMs: Date.parse(answer.expires_at) - serverNow(xhr) || 0,
	};
}

export function endSession(id, options) {
	return call("POST", "/api/session/end", {
		...options,
		body: JSON.stringify({ session_id: id }),
		headers: { "Content-Type": "application/json" },
	});
}

/*
 * One turn. `key` is made once for a recording and sent with every try of
 * it: a repeat after a lost answer returns that answer, and the turn is
 * never there twice. session_id goes first, so that the server can refuse
 * before the audio comes.
 */
export async function sendVoice(id, recording, key, options) {
	const type = recording.type.split(";")[0];
	const body = new FormData();
	body.append("session_id", id);
	body.append("audio", recording, `speech.${EXTENSIONS.get(type) ?? "bin"}`);
	const { answer } = await callJson("POST", "/api/voice/process", {
		...options, body, timeout: VOICE_TIMEOUT_MS, headers: { "Idempotency-Key": key },
	});
	if (typeof answer?.text !== "string")
		throw new ApiError("http", { status: 502, word: "bad_answer" });
	return {
		transcript: String(answer.transcript ?? ""),
		text: answer.text,
		audioUrl: AUDIO_PATH.test(answer.audio_url ?? "") ? answer.audio_url : null,
		degraded: Array.isArray(answer.degraded) ? answer.degraded : [],
	};
}

export async function fetchAudio(url, options) {
	return (await call("GET", url, { ...options, timeout: AUDIO_TIMEOUT_MS, idle: AUDIO_IDLE_MS })).response;
}

/* Whether the server can be reached at all: any answer will do. */
export async function isReachable(options) {
	try {
		await send("GET", "/api/health/live", { timeout: 5000, ...options });
		return true;
	} catch {
		return false;
	}
}
