/*
 * The microphone: one recording at a time.
 *
 * The stream is opened for a recording and its tracks are stopped with it,
 * so that the browser's own sign for "recording" goes out when the page's
 * does. That costs some tens of milliseconds at each start, and is worth
 * it: nobody should have to take a page's word for it.
 *
 * A permission prompt or a headset may take its time, and meanwhile a
 * person may have left it and pressed again. So all that belongs to one
 * opening is in an object of its own (Take), which closes its own tracks
 * and no other's, also those that are given to it too late.
 *
 * The level is measured beside the recorder by AnalyserNodes, which are
 * connected to nothing: one never hears oneself.
 */

const FORMATS = ["audio/webm;codecs=opus", "audio/mp4;codecs=mp4a.40.2", "audio/mp4", "audio/ogg;codecs=opus", "audio/webm"];
const BITS_PER_SECOND = 32_000;
const ANALYSER_SIZE = 1024;
const START_WAIT_MS = 1500;
const STOP_WAIT_MS = 3000;
const FLOOR_DB = -56;
const CEILING_DB = -10;

/* For "was there any sound at all": long windows, often enough to overlap. */
const PEAK_SIZE = 32_768;
const PEAK_EVERY_MS = 200;
const PEAK_SHARE = 0.75;	/* how much of a recording must have been looked at */
const MUTE_PEAK = 1e-4;

const REASONS = new Map([
	["NotAllowedError", "denied"], ["SecurityError", "denied"],
	["NotFoundError", "missing"], ["OverconstrainedError", "missing"],
	["NotReadableError", "busy"], ["AbortError", "busy"],
]);

export class MicrophoneError extends Error {
	constructor(why) {
		super(why);
		this.why = why;
	}
}

/* "" when this browser and this context can record. */
export function whyNot() {
	if (!window.isSecureContext)
		return "insecure";
	if (!navigator.mediaDevices?.getUserMedia || !window.MediaRecorder || !window.AudioContext)
		return "unsupported";
	return "";
}

class Take {
	#closed = false;
	#stream = null;
	#recorder = null;
	#ended = null;		/* settles when the recorder has given all that it has */
	#context = null;
	#analyser = null;
	#samples = new Float32Array(ANALYSER_SIZE);
	#peakAnalyser = null;
	#peakSamples = new Float32Array(PEAK_SIZE);
	#peakTimer = 0;
	#peak = 0;
	#lookedAt = 0;
	#lookedMs = 0;
	#chunks = [];
	#startedAt = 0;
	#stoppedAt = 0;
	#onLost;

	constructor(onLost) {
		this.#onLost = onLost;
	}

	get seconds() {
		return this.#startedAt ? ((this.#stoppedAt || performance.now()) - this.#startedAt) / 1000 : 0;
	}

	async open() {
		let stream;

		try {
			stream = await navigator.mediaDevices.getUserMedia({ audio: {
				channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true,
			} });
		} catch (e) {
			throw new MicrophoneError(REASONS.get(e.name) ?? "failed");
		}
		this.#stream = stream;
		if (this.#closed) {
			this.#release();
			throw new MicrophoneError("closed");
		}
		try {
			await this.#record();
		} catch {
			this.close();
			throw new MicrophoneError("failed");
		}
		if (this.#closed)
			throw new MicrophoneError("closed");
	}

	async #record() {
		const mimeType = FORMATS.find((f) => MediaRecorder.isTypeSupported(f));
		const recorder = new MediaRecorder(this.#stream, { mimeType, audioBitsPerSecond: BITS_PER_SECOND });

		this.#recorder = recorder;
		recorder.ondataavailable = (e) => e.data.size && this.#chunks.push(e.data);
		this.#stream.getAudioTracks()[0].onended = () => this.#lost();
		this.#measure();
		this.#ended = new Promise((resolve) => {
			recorder.addEventListener("stop", () => {
				resolve();
				this.#lost();
			});
		});
		/* A device that gives no data at all never starts: go on, stop() tells. */
		await new Promise((resolve, reject) => {
			recorder.onstart = resolve;
			recorder.onerror = reject;
			recorder.start();
			setTimeout(resolve, START_WAIT_MS);
		});
		if (recorder.state === "inactive")
			throw new Error("it has stopped before it began");
		recorder.onerror = () => this.#lost();
		this.#startedAt = this.#lookedAt = performance.now();
	}

	/* It came to an end by itself; what there is remains. */
	#lost() {
		if (this.#closed || this.#stoppedAt || !this.#startedAt)
			return;
		this.#stoppedAt = performance.now();
		this.#onLost();
	}

	#measure() {
		this.#context = new AudioContext();
		this.#analyser = new AnalyserNode(this.#context, { fftSize: ANALYSER_SIZE });
		this.#peakAnalyser = new AnalyserNode(this.#context, { fftSize: PEAK_SIZE });
		const source = this.#context.createMediaStreamSource(this.#stream);
		source.connect(this.#analyser);
		source.connect(this.#peakAnalyser);
		this.#context.resume();
		/* By a timer and not when the meter is painted: a covered window paints nothing. */
		this.#peakTimer = setInterval(() => this.#look(), PEAK_EVERY_MS);
	}

	/* Only what was looked at while the context ran proves anything. */
	#look() {
		const now = performance.now();

		if (this.#context.state === "running") {
			this.#peakAnalyser.getFloatTimeDomainData(this.#peakSamples);
			for (const s of this.#peakSamples)
				this.#peak = Math.max(this.#peak, Math.abs(s));
			this.#lookedMs += Math.min(now - this.#lookedAt, PEAK_SIZE / this.#context.sampleRate * 1000);
		}
		this.#lookedAt = now;
	}

	level() {
		if (!this.#analyser)
			return 0;
		this.#analyser.getFloatTimeDomainData(this.#samples);
		const sum = this.#samples.reduce((all, s) => all + s * s, 0);
		const db = 10 * Math.log10(sum / this.#samples.length + 1e-12);
		return Math.min(Math.max((db - FLOOR_DB) / (CEILING_DB - FLOOR_DB), 0), 1);
	}

	/* The tracks end at once, what the recorder has still to give is waited for. */
	async stop() {
		if (!this.#startedAt) {
			this.close();
			return { blob: new Blob(), seconds: 0, silent: false };
		}
		this.#stoppedAt ||= performance.now();
		this.#look();
		const { seconds } = this;
		const mute = this.#peak < MUTE_PEAK && this.#lookedMs >= seconds * 1000 * PEAK_SHARE;
		if (this.#recorder.state !== "inactive")
			this.#recorder.stop();
		this.#release();
		await Promise.race([this.#ended, new Promise((resolve) => setTimeout(resolve, STOP_WAIT_MS))]);
		const blob = new Blob(this.#chunks, { type: this.#recorder.mimeType });
		this.#chunks = [];
		this.#closed = true;
		return { blob, seconds, silent: mute || blob.size === 0 };
	}

	close() {
		this.#closed = true;
		if (this.#recorder) {
			this.#recorder.ondataavailable = null;
			if (this.#recorder.state !== "inactive")
				this.#recorder.stop();
		}
		this.#release();
		this.#chunks = [];
	}

	#release() {
		clearInterval(this.#peakTimer);
		for (const track of this.#stream?.getTracks() ?? []) {
			track.onended = null;
			track.stop();
		}
		this.#context?.close();
		this.#stream = this.#context = this.#analyser = this.#peakAnalyser = null;
	}
}

export class Recorder {
	#take = null;

	/* Called when the microphone or the recorder ends by itself in the middle. */
	onLost = () => {};

	get seconds() {
		return this.#take?.seconds ?? 0;
	}

	/* Loudness now, 0 to 1, linear in decibels as ears are. */
	level() {
		return this.#take?.level() ?? 0;
	}

	/* Resolves once sound is being recorded. Throws MicrophoneError, also when it was discarded meanwhile. */
	async start() {
		this.discard();
		const take = new Take(() => this.#take === take && this.onLost());
		this.#take = take;
		await take.open();
	}

	/*
	 * Ends the recording; the microphone is off when this returns, its
	 * promise has the words. `silent`: no data came, or the whole of it
	 * was looked at and there never was a sample.
	 */
	async stop() {
		const take = this.#take;

		this.#take = null;
		return take ? take.stop() : { blob: new Blob(), seconds: 0, silent: false };
	}

	discard() {
		this.#take?.close();
		this.#take = null;
	}
}
