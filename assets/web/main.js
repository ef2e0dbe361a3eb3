/*
 * Brings the page to life: makes the parts, and turns what hands do into
 * what the conversation understands.
 *
 * The light is one button for three habits. A tap starts and the next tap
 * stops; held longer than HOLD_MS, letting go stops; and a click that no
 * pointer or key announced (that is how assistive technology presses a
 * button) counts as a tap.
 */

import { $, View } from "/assets/view.js";
import { Recorder, whyNot } from "/assets/recorder.js";
import { Player } from "/assets/player.js";
import { Conversation } from "/assets/conversation.js";
import { cannotRecord } from "/assets/failures.js";

const HOLD_MS = 450;

const view = new View();
const conversation = new Conversation(view, new Recorder(), new Player());
const orb = $("orb");

/*
 * Down acts at once where it starts or stops the microphone, so that no
 * first word is lost; everything else waits for the click.
 */
let press = null;
let swallowClick = false;

function down() {
	swallowClick = false;
	if (!["ready", "speaking", "listening"].includes(conversation.state))
		return;
	swallowClick = true;
	if (conversation.press())
		press = performance.now();
}

function up() {
	if (press === null)
		return;
	const held = performance.now() - press;
	press = null;
	if (held < HOLD_MS)
		return;
	if (conversation.state === "listening")
		conversation.finish();
	else if (conversation.state === "opening") {
		conversation.cancel();
		view.hint("The microphone is ready. Press again to speak");
	}
}

orb.addEventListener("pointerdown", (e) => {
	if (e.button !== 0 || !e.isPrimary)
		return;
	orb.setPointerCapture(e.pointerId);
	down();
});
orb.addEventListener("pointerup", up);
orb.addEventListener("pointercancel", up);
orb.addEventListener("contextmenu", (e) => e.preventDefault());
orb.addEventListener("click", () => {
	if (swallowClick) {
		swallowClick = false;
		return;
	}
	conversation.press();
});
orb.addEventListener("keydown", (e) => {
	if (e.key !== " " && e.key !== "Enter")
		return;
	if (e.repeat || ["ready", "speaking", "listening"].includes(conversation.state)) {
		e.preventDefault();
		if (!e.repeat)
			down();
	}
});
orb.addEventListener("keyup", (e) => {
	if (e.key !== " " && e.key !== "Enter")
		return;
	if (swallowClick) {
		e.preventDefault();
		swallowClick = false;
	}
	up();
});
orb.addEventListener("blur", () => { press = null; });

/* Space works from anywhere that has no other use for it. */
document.addEventListener("keydown", (e) => {
	if (document.querySelector("dialog[open]"))
		return;
	if (e.key === "Escape")
		conversation.cancel();
	else if (e.key === " " && !e.repeat && e.target === document.body) {
		e.preventDefault();
		orb.focus({ preventScroll: true });
		if (["ready", "speaking", "listening"].includes(conversation.state))
			down();
		else
			conversation.press();
	}
});

$("cancel").addEventListener("click", () => conversation.cancel());
$("leave").addEventListener("click", () => view.open("ending"));
$("ending-yes").addEventListener("click", () => {
	view.close("ending");
	conversation.end();
});
$("access-form").addEventListener("submit", (e) => {
	e.preventDefault();
	const key = $("access-key").value.trim();
	$("access-key").value = "";
	view.close("access");
	conversation.giveKey(key);
});
for (const button of document.querySelectorAll("[data-open]"))
	button.addEventListener("click", () => view.open(button.dataset.open));
for (const button of document.querySelectorAll("[data-close]"))
	button.addEventListener("click", () => button.closest("dialog").close());
for (const dialog of document.querySelectorAll("dialog"))
	dialog.addEventListener("click", (e) => e.target === dialog && dialog.close());

window.addEventListener("pagehide", () => conversation.leave());
window.addEventListener("beforeunload", (e) => conversation.holdsWords && e.preventDefault());
document.addEventListener("visibilitychange", () => document.visibilityState === "visible" && conversation.checkExpiry());

view.keeps();
const why = whyNot();
if (why)
	conversation.block(cannotRecord(why));
else
	conversation.open();
