/*
 * The spoken reply.
 *
 * It is played from a blob, not from its address: the request then goes
 * through the same client as all others (with the access key, where there
 * is one), a failure is told apart from a silence, and hearing it again
 * asks nothing of the server. The last few replies stay in memory, older
 * ones are fetched again.
 *
 * For the light to move with the voice its loudness is computed once from
 * the decoded samples, and looked up by the time that the element has
 * reached. The sound itself never runs through an AudioContext, which a
 * browser may suspend and so make mute.
 */

const FRAME_S = 0.05;
const DECODE_RATE = 8000;
const KEPT_REPLIES = 5;
const GAIN = 3.2;

export class Player {
	#audio = null;
	#url = "";
	#finish = null;
	#envelope = null;
	#kept = new Map();

	/* Resolves with "ended", "stopped", "blocked" (a gesture is needed) or "failed". */
	play(blob) {
		this.stop();
		return new Promise((resolve) => {
			const audio = new Audio();
			this.#audio = audio;
			this.#url = URL.createObjectURL(blob);
			this.#finish = resolve;
			this.#envelope = null;
			this.#measure(blob, audio);
			audio.onended = () => this.#done("ended");
			audio.onerror = () => this.#done("failed");
			audio.src = this.#url;
			audio.play().catch((e) => {
				if (this.#audio === audio)
					this.#done(e.name === "NotAllowedError" ? "blocked" : "failed");
			});
		});
	}

	stop() {
		this.#done("stopped");
	}

	#done(how) {
		if (!this.#audio)
			return;
		this.#audio.onended = this.#audio.onerror = null;
		this.#audio.pause();
		this.#audio.removeAttribute("src");
		this.#audio = null;
		URL.revokeObjectURL(this.#url);
		const finish = this.#finish;
		this.#finish = null;
		finish(how);
	}

	async #measure(blob, audio) {
		try {
			const context = new OfflineAudioContext(1, 1, DECODE_RATE);
			const samples = (await context.decodeAudioData(await blob.arrayBuffer())).getChannelData(0);
			const step = Math.round(FRAME_S * DECODE_RATE);
			const envelope = new Float32Array(Math.ceil(samples.length / step));
			for (let i = 0; i < samples.length; i++)
				envelope[Math.floor(i / step)] += samples[i] * samples[i];
			if (this.#audio === audio)
				this.#envelope = envelope.map((sum) => Math.min(Math.sqrt(sum / step) * GAIN, 1));
		} catch {
			/* Only the light's movement is lost. */
		}
	}

	level() {
		return this.#envelope?.[Math.floor((this.#audio?.currentTime ?? 0) / FRAME_S)] ?? 0;
	}

	/* load: how to get it when it is not kept any more. */
	async fetched(url, load) {
		const blob = this.#kept.get(url) ?? await load();
		this.#kept.delete(url);
		this.#kept.set(url, blob);
		for (const oldest of this.#kept.keys()) {
			if (this.#kept.size <= KEPT_REPLIES)
				break;
			this.#kept.delete(oldest);
		}
		return blob;
	}

	forget() {
		this.stop();
		this.#kept.clear();
	}
}
