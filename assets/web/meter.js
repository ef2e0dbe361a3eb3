/*
 * The live level, drawn as a line of bars that runs from right to left;
 * the same figure at rest is a row of dots. For people who asked for less
 * motion nothing runs: the bars stand still and only their number, from
 * the middle outwards, follows the loudness.
 */

const BAR = 3;
const GAP = 4;
const FRAME_MS = 45;
const STILL_FRAME_MS = 160;

export class Meter {
	#canvas;
	#paint;
	#history = [];
	#source = null;
	#onLevel;
	#last = 0;
	#frame = 0;		/* the one that is asked for, or 0 */
	#still = window.matchMedia("(prefers-reduced-motion: reduce)");
	#dark = window.matchMedia("(prefers-color-scheme: dark)");

	constructor(canvas, onLevel) {
		this.#canvas = canvas;
		this.#paint = canvas.getContext("2d");
		this.#onLevel = onLevel;
		const redraw = () => this.#draw();
		new ResizeObserver(() => this.#fit()).observe(canvas);
		this.#dark.addEventListener("change", redraw);
		this.#still.addEventListener("change", redraw);
	}

	/* source: a function that says the level now, 0 to 1. */
	follow(source) {
		this.#source = source;
		this.#history.length = 0;
		if (!this.#frame)
			this.#next();
	}

	rest() {
		this.#source = null;
		cancelAnimationFrame(this.#frame);
		this.#frame = 0;
		this.#history.length = 0;
		this.#onLevel(0);
		this.#draw();
	}

	#next() {
		this.#frame = requestAnimationFrame((t) => this.#tick(t));
	}

	#tick(now) {
		this.#next();
		if (now - this.#last < (this.#still.matches ? STILL_FRAME_MS : FRAME_MS))
			return;
		this.#last = now;
		const level = this.#source();
		this.#history.push(level);
		this.#onLevel(level);
		this.#draw();
	}

	#fit() {
		const ratio = Math.min(window.devicePixelRatio || 1, 3);
		this.#canvas.width = Math.round(this.#canvas.clientWidth * ratio);
		this.#canvas.height = Math.round(this.#canvas.clientHeight * ratio);
		this.#paint.setTransform(ratio, 0, 0, ratio, 0, 0);
		this.#draw();
	}

	#draw() {
		const width = this.#canvas.clientWidth;
		const height = this.#canvas.clientHeight;
		const count = Math.floor(width / (BAR + GAP));
		if (count < 1)
			return;
		const left = (width - count * (BAR + GAP) + GAP) / 2;
		const style = getComputedStyle(this.#canvas);
		const level = this.#history.at(-1) ?? 0;

		if (this.#history.length > count)
			this.#history.splice(0, this.#history.length - count);
		this.#paint.clearRect(0, 0, width, height);
		for (let i = 0; i < count; i++) {
			let value = 0;
			if (this.#still.matches) {
				const distance = Math.abs(i - (count - 1) / 2) / (count / 2);
				value = this.#source && distance < level ? 0.55 : 0;
			} else {
				const at = i - (count - this.#history.length);
				value = at >= 0 ? this.#history[at] : 0;
			}
			const edge = Math.min(i, count - 1 - i) / (count * 0.18);
			const tall = Math.max(BAR, value * height * 0.94);
			this.#paint.globalAlpha = Math.min(1, 0.12 + edge) * (value > 0.02 ? 1 : 0.42);
			this.#paint.fillStyle = style.color;
			this.#paint.beginPath();
			this.#paint.roundRect(left + i * (BAR + GAP), (height - tall) / 2, BAR, tall, BAR / 2);
			this.#paint.fill();
		}
	}
}
