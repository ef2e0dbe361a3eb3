/*
 * Everything that is seen: the only module that changes the document.
 *
 * Text reaches the document by textContent and nodes by createElement
 * alone, so that the page runs with Trusted Types and no policy at all:
 * there is no way here from a string to markup. Style follows from
 * `data-state` on the root; the few values that change by the frame are
 * custom properties, set through the CSSOM, which a policy without inline
 * styles allows.
 *
 * What a screen reader hears is one short line at each change of state
 * (#say), and not the log: the reply is spoken already, and two voices at
 * once help nobody. A reply that comes as text only is said there.
 */

import { Meter } from "/assets/meter.js";

export const $ = (id) => document.getElementById(id);
const root = document.documentElement;

/* state: what is shown, what the button is called, what is said. */
const STATES = {
	loading: ["Getting ready", "Getting ready", ""],
	welcome: ["Tap the light to begin", "Begin a conversation", "Tap the light to begin."],
	starting: ["One moment", "One moment", "One moment."],
	ready: ["Tap or hold to speak", "Start speaking", "Ready. Start speaking when you like."],
	opening: ["Opening the microphone", "Opening the microphone", ""],
	listening: ["Listening", "Stop and send", "Listening."],
	sending: ["Sending", "Sending", "Sending."],
	thinking: ["Thinking", "Thinking", "Thinking."],
	speaking: ["Speaking", "Interrupt and speak", "Speaking."],
	waiting: ["Waiting a moment", "Waiting a moment", ""],
	offline: ["Waiting for the connection", "Waiting for the connection", ""],
	error: ["", "Try again", ""],
	blocked: ["", "Not available", ""],
	ended: ["Tap the light to begin anew", "Begin a new conversation", "The conversation is over."],
};
const BUSY = new Set(["loading", "starting", "opening", "sending", "thinking", "waiting", "offline", "blocked"]);
const CANCEL = { starting: "Cancel", opening: "Cancel", listening: "Discard", sending: "Cancel", thinking: "Cancel", speaking: "Stop" };

/* While the microphone is opened or open, nothing may be played into it. */
const SILENT = new Set(["starting", "opening", "listening"]);

const ACTIONS = {
	retry: "Try now", send: "Send it", discard: "Discard", dismiss: "Leave it", listen: "Try again",
	restart: "Begin a new one", "restart-send": "Begin a new one and send it", key: "Enter the key",
};

const LOG_MARGIN_PX = 24;

const clock = (seconds) => `${Math.floor(seconds / 60)}:${String(Math.floor(seconds % 60)).padStart(2, "0")}`;

function element(name, className, text) {
	const e = document.createElement(name);
	e.className = className;
	if (text !== undefined)
		e.textContent = text;
	return e;
}

/* One of its two pictures, by a class on the button. */
function replayPicture() {
	const ns = "http://www.w3.org/2000/svg";
	const svg = document.createElementNS(ns, "svg");
	svg.setAttribute("viewBox", "0 0 24 24");
	svg.setAttribute("aria-hidden", "true");
	for (const [name, d] of [["play", "M8 5.5v13l10.5-6.5z"], ["halt", "M7 7h10v10H7z"]]) {
		const path = document.createElementNS(ns, "path");
		path.setAttribute("d", d);
		path.setAttribute("class", name);
		svg.append(path);
	}
	return svg;
}

export class View {
	meter = new Meter($("meter"), (level) => $("orb").style.setProperty("--level", level.toFixed(3)));
	onAction = () => {};
	#unheard = false;	/* a notice came while a dialog lay over it */

	state(name, { hint } = {}) {
		const [shown, label, said] = STATES[name];
		const orb = $("orb");

		root.dataset.state = name;
		$("status").textContent = hint ?? shown;
		$("orb-label").textContent = label;
		orb.disabled = name === "loading" || name === "blocked";
		orb.setAttribute("aria-disabled", String(BUSY.has(name)));
		/* What the keys do is true, and shown, in this state only. */
		if (name === "ready")
			orb.setAttribute("aria-describedby", "keys");
		else
			orb.removeAttribute("aria-describedby");
		for (const button of document.querySelectorAll(".replay"))
			button.setAttribute("aria-disabled", String(SILENT.has(name)));
		this.#cancel(CANCEL[name] ?? "");
		$("sent").hidden = name !== "sending";
		$("sent").value = 0;
		if (name !== "waiting")
			orb.style.removeProperty("--part");
		this.say(hint ?? said);
	}

	#cancel(label) {
		const button = $("cancel");
		const focused = document.activeElement === button;
		button.hidden = label === "";
		button.textContent = label || "Cancel";
		if (focused && button.hidden)
			$("orb").focus();
	}

	say(words) {
		if (words)
			$("say").textContent = words;
	}

	hint(words) {
		$("status").textContent = words;
		this.say(words);
	}

	/* left: seconds, when there are few; else null. */
	listened(seconds, left) {
		$("status").textContent = left === null ? `Listening ${clock(seconds)}` : `Listening, ${Math.max(Math.ceil(left), 0)} s left`;
	}

	sent(part) {
		$("sent").value = part;
		$("status").textContent = `Sending ${Math.round(part * 100)} %`;
	}

	/* inSession: the conversation is shown, else the welcome. */
	place(inSession) {
		$("welcome").hidden = inSession;
		$("talk").hidden = !inSession;
		$("leave").hidden = !inSession;
	}

	focusOn(what) {
		$(what).focus();
	}

	clearTalk() {
		$("log").replaceChildren();
	}

	/* The words' own direction, whatever the page's. */
	#append(kind, who, text) {
		const article = element("div", `turn ${kind}`);
		const words = element("p", "words");
		const said = element("span", "said", text);
		said.dir = "auto";
		words.append(element("span", "unseen", `${who}: `), said);
		article.append(words);
		$("log").append(article);
		this.#showFrom(article);
		return article;
	}

	/* Its beginning at the top, or all of it where there is room: who reads along begins there. */
	#showFrom(article) {
		const log = $("log");
		log.scrollTop = article.offsetTop - log.offsetTop - LOG_MARGIN_PX;
	}

	addNote(text) {
		const note = element("p", "note", text);
		$("log").append(note);
		this.#showFrom(note);
	}

	addYou(text) {
		this.#append("you", "You", text || "(no words were understood)");
	}

	/* onReplay: called when the person wants to hear it again. Returns a handle. */
	addReply(text, { onReplay = null, notes = [] } = {}) {
		const article = this.#append("reply", "Reply", text);
		const foot = element("div", "foot");
		let button = null;

		if (onReplay) {
			button = element("button", "replay");
			button.type = "button";
			button.append(replayPicture(), element("span", "", "Play again"));
			button.addEventListener("click", onReplay);
			foot.append(button);
		}
		const handle = {
			playing: (is) => {
				if (!button)
					return;
				button.classList.toggle("on", is);
				button.lastChild.textContent = is ? "Stop" : "Play again";
			},
			note: (words) => {
				const log = $("log");
				const atEnd = log.scrollHeight - log.clientHeight - log.scrollTop < LOG_MARGIN_PX;
				if (![...foot.querySelectorAll(".foot-note")].some((n) => n.textContent === words))
					foot.append(element("p", "foot-note", words));
				if (atEnd)
					log.scrollTop = log.scrollHeight;
			},
			unnote: (...these) => {
				for (const n of foot.querySelectorAll(".foot-note"))
					if (these.includes(n.textContent))
						n.remove();
			},
			/* It cannot be heard any more. */
			gone: () => {
				if (button === document.activeElement)
					$("log").focus({ preventScroll: true });
				button?.remove();
				button = null;
			},
		};
		for (const words of notes)
			foot.append(element("p", "foot-note", words));
		article.append(foot);
		this.#showFrom(article);
		return handle;
	}

	/* plan: as failures.js makes it; null takes it away. */
	notice(plan) {
		const had = $("notice").contains(document.activeElement);

		$("notice").hidden = plan === null;
		$("notice-actions").replaceChildren();
		$("notice-count").hidden = true;
		if (plan === null) {
			$("notice-title").textContent = $("notice-text").textContent = "";
			if (had)
				$("orb").focus();
			return;
		}
		$("notice").dataset.tone = plan.state;
		$("notice-title").textContent = plan.title;
		$("notice-text").textContent = plan.text;
		if (plan.wait)
			$("notice-text").append(element("span", "unseen", ` In about ${plan.wait} seconds.`));
		for (const [i, action] of plan.actions.entries()) {
			const main = i === 0 && !plan.wait;
			const button = element("button", main ? "solid" : "plain", ACTIONS[action]);
			button.type = "button";
			button.dataset.action = action;
			button.addEventListener("click", () => this.onAction(action));
			$("notice-actions").append(button);
		}
		$("notice-ref").hidden = !plan.ref;
		$("notice-ref").textContent = plan.ref ? `Reference ${plan.ref}` : "";
		if (plan.state === "error")
			$("orb-label").textContent = $("status").textContent = ACTIONS[plan.actions[0]];
		/* Only where the page itself scrolls (very small windows) does this move anything. */
		$("notice").scrollIntoView({ block: "nearest" });
		this.#unheard = document.querySelector("dialog[open]") !== null;
	}

	/* A dialog has closed: what came under it was not said to a screen reader. */
	uncovered() {
		if (this.#unheard && !$("notice").hidden)
			this.say(`${$("notice-title").textContent}. ${$("notice-text").textContent}`);
		this.#unheard = false;
	}

	/* What the light does while there is a choice: the first of them. */
	mainAction() {
		return document.querySelector("#notice-actions button")?.dataset.action;
	}

	count(left, total) {
		$("notice-count").hidden = false;
		$("notice-count").textContent = clock(Math.ceil(left));
		$("status").textContent = `Goes on in ${clock(Math.ceil(left))}`;
		$("orb").style.setProperty("--part", (left / total).toFixed(4));
	}

	/* What the server says about how long it keeps things; else the text stays. */
	keeps() {
		const content = document.querySelector("meta[name=voicegate-keeps]")?.content ?? "";
		const hours = /audio-hours=(\d+)/.exec(content)?.[1];
		const days = /transcript-days=(\d+)/.exec(content)?.[1];
		const many = (n, unit) => `${n} ${unit}${n === "1" ? "" : "s"}`;
		if (hours)
			$("keep-audio").textContent = `for ${many(hours, "hour")} at most`;
		if (days)
			$("keep-words").textContent = days === "0" ? "only while it is answered, and not afterwards" : `for ${many(days, "day")} at most`;
	}

	open(id) {
		if (!$(id).open)
			$(id).showModal();
	}

	close(id) {
		$(id).close();
	}
}
