/*
 * The microphone: one recording at a time.
 *
 * The stream is opened for a recording and its tracks are stopped right
 * after it, so that the browser's own sign for "recording" goes out when
 * the page's does. That costs some tens of milliseconds at each start,
 * and is worth it: nobody should have to take a page's word for it.
 *
 * The level is measured beside the recorder by an AnalyserNode, which is
 * connected to nothing: one never hears oneself.
 */

const FORMATS = ["audio/webm;codecs=opus", "audio/mp4;codecs=mp4a.40.2", "audio/mp4", "audio/ogg;codecs=opus", "audio/webm"];
const BITS_PER_SECOND = 32_000;
const ANALYSER_SIZE = 1024;
const START_WAIT_MS = 1500;
const FLOOR_DB = -56;
const CEILING_DB = -10;
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

export class Recorder {
	#stream = null;
	#recorder = null;
	#context = null;
	#analyser = null;
	#samples = new Float32Array(ANALYSER_SIZE);
	#chunks = [];
	#startedAt = 0;
	#peak = 0;

	/* Called when the microphone goes away in the middle. */
	onLost = () => {};

	get isRecording() {
		return this.#recorder?.state === "recording";
	}

	get seconds() {
		return this.isRecording ? (performance.now() - this.#startedAt) / 1000 : 0;
	}

	/* Resolves once sound is being recorded. Throws MicrophoneError. */
	async start() {
		try {
			this.#stream = await navigator.mediaDevices.getUserMedia({ audio: {
				channelCount: 1, echoCancellation: true, noiseSuppression: true, autoGainControl: true,
			} });
		} catch (e) {
			throw new MicrophoneError(REASONS.get(e.name) ?? "failed");
		}
		try {
			const mimeType = FORMATS.find((f) => MediaRecorder.isTypeSupported(f));
			this.#recorder = new MediaRecorder(this.#stream, { mimeType, audioBitsPerSecond: BITS_PER_SECOND });
			this.#chunks = [];
			this.#recorder.ondataavailable = (e) => e.data.size && this.#chunks.push(e.data);
			this.#stream.getAudioTracks()[0].onended = () => this.onLost();
			this.#listen();
			/* A device that gives no data at all never starts: go on, stop() tells. */
			await new Promise((resolve, reject) => {
				this.#recorder.onstart = resolve;
				this.#recorder.onerror = reject;
				this.#recorder.start();
				setTimeout(resolve, START_WAIT_MS);
			});
			this.#startedAt = performance.now();
		} catch {
			this.discard();
			throw new MicrophoneError("failed");
		}
	}

	#listen() {
		this.#peak = 0;
		this.#context = new AudioContext();
		this.#analyser = this.#context.createAnalyser();
		this.#analyser.fftSize = ANALYSER_SIZE;
		this.#context.createMediaStreamSource(this.#stream).connect(this.#analyser);
		this.#context.resume();
	}

	/* Loudness now, 0 to 1, linear in decibels as ears are. */
	level() {
		if (!this.#analyser)
			return 0;
		this.#analyser.getFloatTimeDomainData(this.#samples);
		let sum = 0;
		for (const s of this.#samples) {
			sum += s * s;
			this.#peak = Math.max(this.#peak, Math.abs(s));
		}
		const db = 10 * Math.log10(sum / this.#samples.length + 1e-12);
		return Math.min(Math.max((db - FLOOR_DB) / (CEILING_DB - FLOOR_DB), 0), 1);
	}

	/*
	 * Ends the recording. `silent`: no data came, or the meter really ran
	 * and never saw a sample; a suspended AudioContext proves nothing.
	 */
	async stop() {
		const recorder = this.#recorder;
		const seconds = this.seconds;
		const mute = this.#context?.state === "running" && this.#peak < MUTE_PEAK;

		if (recorder?.state === "recording")
			await new Promise((resolve) => {
				recorder.onstop = resolve;
				recorder.stop();
			});
		const blob = new Blob(this.#chunks, { type: recorder?.mimeType ?? "" });
		this.#close();
		return { blob, seconds, silent: mute || blob.size === 0 };
	}

	discard() {
		if (this.#recorder?.state === "recording") {
			this.#recorder.onstop = null;
			this.#recorder.stop();
		}
		this.#close();
	}

	#close() {
		for (const track of this.#stream?.getTracks() ?? []) {
			track.onended = null;
			track.stop();
		}
		this.#context?.close();
		this.#stream = this.#recorder = this.#context = this.#analyser = null;
		this.#chunks = [];
	}
}
