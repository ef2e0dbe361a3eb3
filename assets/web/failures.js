/*
 * What can go wrong, and what a person reads then. Pure: a failure and
 * what was being done in, words and choices out; nothing here touches the
 * page, so that the whole list can be read in one place.
 *
 * Each answer: `state` of the page, `title` and `text`, the `actions`
 * offered (the first is the main one), `wait` seconds after which it is
 * tried again by itself, `probe` when it waits for the connection instead,
 * `keep` whether the recording is still there to be sent.
 *
 * Tone: short, calm, never blaming; what happened to their words comes
 * before anything technical.
 */

const MAX_UNATTENDED_TRIES = 5;
const UNAVAILABLE_WAIT_S = 5;

const KEPT = "What you said is kept on this page and will be sent then.";
const IN_PAGE = "What you said is kept on this page.";

const TURN_STATUS = new Map([
	[400, ["That did not arrive whole", "Please say it once more."]],
	[413, ["That was too long", "The recording is larger than this service takes. Please say it in shorter parts."]],
	[415, ["This recording cannot be read", "This browser records in a form that the service does not know. Another browser may work."]],
	[422, ["That could not be understood", "There was no clear sound in the recording. Please try again, a little closer to the microphone."]],
]);

/* A recording that was stopped and not sent: what for. */
const HELD = {
	asked: ["Discard what you said?", "It was not sent. It is kept on this page until you choose."],
	limit: ["Two minutes are full", "The recording has stopped. It was not sent, because this page was out of sight; it is kept until you choose."],
	lost: ["The recording has stopped", "The microphone went away. What you said was not sent, because this page was out of sight; it is kept until you choose."],
	stopped: ["What you said is still here", "It was not sent. It is kept on this page until you choose."],
};

const MICROPHONE = {
	denied: ["The microphone is blocked", "This page may not use it. Allow the microphone for this site, next to the address at the top of the browser, and try again."],
	missing: ["No microphone was found", "Connect one, or turn it on. This page will notice."],
	busy: ["The microphone is in use", "Another program seems to hold it. Close that, and try again."],
	silent: ["No sound came through", "The microphone gave only silence. It may be muted, or another one may be chosen."],
	failed: ["The recording did not work", "Please try again. If it happens again, reload the page."],
};

const CANNOT = {
	insecure: ["A secure connection is needed", "Browsers open the microphone only over HTTPS. Please ask for the https address of this service."],
	unsupported: ["This browser cannot record", "Please update it, or use a current Firefox, Chrome, Edge or Safari."],
};

function failure(state, [title, text], actions, more = {}) {
	return { state, title, text, actions, wait: 0, probe: false, keep: false, ref: "", ...more };
}

/* why: a key of MICROPHONE. */
export function microphoneFailure(why) {
	return failure("error", MICROPHONE[why] ?? MICROPHONE.failed, ["listen", "dismiss"]);
}

/* why: a key of CANNOT. There is nothing to press. */
export function cannotRecord(why) {
	return failure("blocked", CANNOT[why], []);
}

export function expired() {
	return failure("error", ["This conversation has come to its end", "Its time has run out. You can begin a new one."], ["restart"]);
}

/* why: a key of HELD. */
export function held(why) {
	return failure("error", HELD[why], ["send", "discard"], { keep: true });
}

function waitFor(words, error, tries, holds) {
	const seconds = error.retryAfter || UNAVAILABLE_WAIT_S;
	if (tries > MAX_UNATTENDED_TRIES)
		return tired(words[0], error, holds);
	return failure("waiting", [words[0], holds ? `${words[1]} ${KEPT}` : words[1]],
	    [holds ? "discard" : "dismiss"], { wait: seconds, keep: true });
}

function tired(title, error, holds) {
	return failure("error", [title, `It has not worked for a while now.${holds ? ` ${IN_PAGE}` : ""} You can try again whenever you like.`],
	    ["retry", holds ? "discard" : "dismiss"], { keep: true, ref: error.requestId });
}

/*
 * name: "start", "turn", "voice" (a spoken reply is loaded) or "end". error: an
 * ApiError. tries: how often this has failed so far, this time included. holds: a
 * recording waits with it, and there is no choice that drops it but "discard".
 */
export function explain(name, error, tries, holds) {
	const turn = name === "turn";
	const leave = holds ? "discard" : "dismiss";
	const again = ["retry", leave];
	const more = { keep: holds, ref: error.requestId };
	const kept = (words) => holds ? `${words} ${IN_PAGE}` : words;

	if (error.kind === "network") {
		if (tries > MAX_UNATTENDED_TRIES)
			return tired("The connection keeps breaking", error, holds);
		return failure("offline", ["The connection is lost", holds ?
		    "Your words are safe on this page. They will be sent when the connection is back." :
		    "It is tried again as soon as the connection is back."], again, { probe: true, keep: holds });
	}
	if (error.kind === "timeout")
		return failure("error", ["No answer came", turn ?
		    "It took too long. Your words are still here: send them again, and they will not be counted twice." :
		    kept("It took too long.")], again, more);

	switch (error.status) {
	case 401:
		return failure("error", error.word === "invalid_api_key" ?
		    ["This key is not accepted", kept("It may be mistyped, or have run out. Whoever gave it to you can tell you more.")] :
		    ["A key is needed", kept("This service is open to people with an access key.")], ["key", leave], more);
	case 403:
		if (error.word === "insufficient_scope")
			return failure("error", ["This key does not allow it", kept("Another access key may.")], ["key", leave], more);
		if (error.word === "client_blocked")
			return failure("error", ["This connection is blocked for now", kept("Whoever runs the service has closed it to where you are. That may pass: try again in a while, or ask them.")],
			    again, more);
		return failure("error", ["This is not allowed from here", kept("The service does not accept this page's requests. Whoever runs it can tell you more.")],
		    holds ? again : ["dismiss"], more);
	case 404:
		return failure("error", ["This conversation has ended", turn ?
		    "It has run out, or was ended elsewhere. You can begin a new one, and send what you just said to it." :
		    "It has run out, or was ended elsewhere. You can begin a new one."],
		    holds ? ["restart-send", "discard"] : ["restart"], more);
	case 409:
		return waitFor(["One moment", "The service is still at work on it, and is asked again by itself."], error, tries, holds);
	case 429:
		return waitFor(["A short pause", "That was a lot in a little time. It goes on by itself in a moment."], error, tries, holds);
	case 503:
		return waitFor(["A moment, please", "The service is busy or catching up, and is asked again by itself."], error, tries, holds);
	case 504:
		return failure("error", ["The answer took too long", holds ?
		    "Your words are still here. You can send them again, or discard them." : "You can try again, or leave it."], again, more);
	}
	if (turn && TURN_STATUS.has(error.status) && error.word !== "idempotency_mismatch")
		return failure("error", TURN_STATUS.get(error.status), ["listen", "dismiss"], { ref: error.requestId });
	return failure("error", ["Something went wrong", holds ?
	    "It was not you. Your words are still here, and can be sent again." :
	    "It was not you. Please try again."], again, more);
}
