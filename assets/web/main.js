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
import { cleanKey } from "/assets/client.js";
import { Conversation } from "/assets/conversation.js";
import { cannotRecord } from "/assets/failures.js";

const HOLD_MS = 450;

const view = new View();
const conversation = new Conversation(view, new Recorder(), new Player());
const orb = $("orb");

/*
 * Down acts at once where it starts or stops the microphone, so that no
 * first word is lost; the click acts where a request is begun. A press in
 * any other state is over with itself: what the page does when it is let
 * go of may be something else than what was pressed.
 */
const ACTS_DOWN = new Set(["ready", "speaking", "listening", "opening"]);
const ACTS_ON_CLICK = new Set(["welcome", "ended", "error"]);
let press = null;
let swallowClick = false;

function down() {
	swallowClick = !ACTS_ON_CLICK.has(conversation.state);
	if (ACTS_DOWN.has(conversation.state) && conversation.press())
		press = performance.now();
}

function up() {
	if (press === null)
		return;
	const held = performance.now() - press;
	press = null;
	if (held >= HOLD_MS)
		conversation.release();
}

/* The window or the button loses what is held: nobody will see it let go. */
function lose() {
	if (press === null)
		return;
	press = null;
	conversation.release();
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
	const announced = swallowClick;
	swallowClick = false;
	if (!announced)
		conversation.press();
});
orb.addEventListener("keydown", (e) => {
	if (e.key !== " " && e.key !== "Enter")
		return;
	if (!e.repeat)
		down();
	if (e.repeat || swallowClick)
		e.preventDefault();
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
orb.addEventListener("blur", lose);
window.addEventListener("blur", lose);

/* Space works from anywhere that has no other use for it. */
document.addEventListener("keydown", (e) => {
	if (document.querySelector("dialog[open]"))
		return;
	if (e.key === "Escape")
		conversation.escape();
	else if (e.key === " " && !e.repeat && e.target === document.body) {
		e.preventDefault();
		orb.focus({ preventScroll: true });
		if (ACTS_ON_CLICK.has(conversation.state))
			conversation.press();
		else
			down();
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
	const key = cleanKey($("access-key").value);
	if (!key) {
		$("access-key").setCustomValidity("There is a character in it that no key has. Please copy the key once more.");
		$("access-key").reportValidity();
		return;
	}
	view.close("access");
	conversation.giveKey(key);
});
$("access-key").addEventListener("input", () => $("access-key").setCustomValidity(""));
/* However it is left, the key does not stay in the document. */
$("access").addEventListener("close", () => { $("access-form").reset(); });
for (const button of document.querySelectorAll("[data-open]"))
	button.addEventListener("click", () => view.open(button.dataset.open));
for (const button of document.querySelectorAll("[data-close]"))
	button.addEventListener("click", () => button.closest("dialog").close());
for (const dialog of document.querySelectorAll("dialog")) {
	dialog.addEventListener("click", (e) => e.target === dialog && dialog.close());
	dialog.addEventListener("close", () => view.uncovered());
}

window.addEventListener("pagehide", () => conversation.leave());
window.addEventListener("beforeunload", (e) => conversation.holdsWords && e.preventDefault());
document.addEventListener("visibilitychange", () => {
	if (document.visibilityState === "visible")
		conversation.checkExpiry();
	else
		lose();
});

view.keeps();
const why = whyNot();
if (why)
	conversation.block(cannotRecord(why));
else
	conversation.open();
