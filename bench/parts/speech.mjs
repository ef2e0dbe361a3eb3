// The offline recogniser: how many words it gets wrong, of people's recordings
// in all five containers, and what decoding each container costs.

import { readdirSync, readFileSync, existsSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { join } from 'node:path';
import { run } from '../lib/process.mjs';

const SOUNDS = '/usr/share/asterisk/sounds/en_US_f_Allison';
const WORDS = '/usr/share/doc/asterisk-core-sounds-en/core-sounds-en.txt.gz';
const BOOK = '/usr/share/pocketsphinx/test/data/librivox';
const CHANNELS = '/usr/share/sounds/alsa';
const MIN_WORDS = 3;        // single words have no sentence to be understood in
const EACH = 6;             // of the prompts, which go into the other containers
const CONTAINERS = {
  WAV: ['wav', '-c:a', 'pcm_s16le'],
  MP3: ['mp3', '-c:a', 'libmp3lame'],
  WebM: ['webm', '-c:a', 'libopus', '-ar', '48000'],
  OGG: ['ogg', '-c:a', 'libvorbis'],
  M4A: ['m4a', '-c:a', 'aac', '-ar', '44100'],
};
const ONES = 'zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen'.split(' ');
const TENS = '_ _ twenty thirty forty fifty sixty seventy eighty ninety'.split(' ');

function spell(digits) {
  const n = Number(digits);
  if (n < 20) return ONES[n];
  if (n < 100) return TENS[Math.floor(n / 10)] + (n % 10 ? ` ${ONES[n % 10]}` : '');
  return [...digits].map((d) => ONES[Number(d)]).join(' ');
}

/** Words as they are spoken: no case, no points, numbers in full. */
export function words(text) {
  return text.toLowerCase().replace(/\d+/g, (d) => ` ${spell(d)} `).replace(/[^a-z' ]+/g, ' ').replace(/(^|\s)'+|'+(?=\s|$)/g, ' ')
    .split(/\s+/).filter((w) => w);
}

/** Words put in, left out or taken for others (Levenshtein). */
export function wrong(said, heard) {
  let row = heard.map((_, j) => j + 1);
  row.unshift(0);
  for (let i = 1; i <= said.length; i++) {
    const next = [i];
    for (let j = 1; j <= heard.length; j++) {
      next.push(Math.min(row[j] + 1, next[j - 1] + 1, row[j - 1] + (said[i - 1] === heard[j - 1] ? 0 : 1)));
    }
    row = next;
  }
  return row[heard.length];
}

function prompts() {
  const found = [];
  for (const line of gunzipSync(readFileSync(WORDS)).toString('utf8').split('\n')) {
    const m = line.match(/^([a-z0-9/_-]+): (.*)$/i);
    if (!m || /[[\]<>()]/.test(m[2])) continue;
    const file = join(SOUNDS, `${m[1]}.g722`);
    const said = words(m[2]);
    if (said.length >= MIN_WORDS && existsSync(file)) found.push({ name: m[1].replaceAll('/', '-'), file, said });
  }
  return found;
}

function book() {
  return readFileSync(join(BOOK, 'transcription'), 'utf8').split('\n').flatMap((line) => {
    const m = line.match(/^(.*?)\s*\((\S+)\)\s*$/);
    return m ? [{ name: m[2], file: join(BOOK, `${m[2]}.wav`), said: words(m[1].replace(/<\/?s>/g, ' ')) }] : [];
  });
}

/** Eight of two words each: Front_Center.wav says so. */
function channels() {
  return readdirSync(CHANNELS).filter((f) => /^[A-Z][a-z]+_[A-Z][a-z]+\.wav$/.test(f)).sort()
    .map((f) => ({ name: f.replace('.wav', ''), file: join(CHANNELS, f), said: words(f.replace('.wav', '').replace('_', ' ')) }));
}

const ffmpeg = (...args) => run(['ffmpeg', '-nostdin', '-v', 'error', '-y', ...args]);

async function hear(bench, file) {
  const form = new FormData();
  form.append('model', 'pocketsphinx-en-us');
  form.append('file', new Blob([readFileSync(file)]), 'recording');
  const r = await fetch(`${bench.speechUrl}/v1/audio/transcriptions`, { method: 'POST', body: form });
  if (r.status !== 200) throw new Error(`speech: ${file}: ${r.status} ${await r.text()}`);
  return words((await r.json()).text);
}

async function rate(bench, label, list, kind) {
  const dir = bench.folder('recordings');
  const [ext, ...codec] = CONTAINERS[kind];
  let bad = 0;
  let all = 0;
  for (const [i, p] of list.entries()) {
    const file = join(dir, `${p.name}.${ext}`);
    if (!existsSync(file)) await ffmpeg(...(p.file.endsWith('.g722') ? ['-f', 'g722'] : []), '-i', p.file, '-ac', '1', '-ar', '16000', ...codec, file);
    bad += wrong(p.said, await hear(bench, file));
    all += p.said.length;
    if ((i + 1) % 24 === 0) bench.say(`  ${label}: ${i + 1} of ${list.length}, ${(100 * bad / all).toFixed(1)} % so far`);
  }
  return { recordings: list.length, words: all, wrong: bad };
}

export async function speech(bench) {
  const all = prompts();
  const some = all.filter((_, i) => i % EACH === 0);
  if (all.length === 0) throw new Error(`speech: no prompts in ${SOUNDS}`);
  const error = { 'all prompts, WAV': await rate(bench, 'prompts', all, 'WAV') };
  error['audio book, WAV'] = await rate(bench, 'audio book', book(), 'WAV');
  error['names of loudspeakers, WAV'] = await rate(bench, 'loudspeakers', channels(), 'WAV');
  for (const kind of Object.keys(CONTAINERS)) error[`every ${EACH}th prompt, ${kind}`] = await rate(bench, kind, some, kind);

  // Ten seconds of speech and more, in each container.
  const dir = bench.folder('recordings');
  const list = join(dir, 'long.wav');
  const long = book().map((p) => p.file);
  await ffmpeg(...long.flatMap((f) => ['-i', f]), '-filter_complex', `concat=n=${long.length}:v=0:a=1`, '-ac', '1', '-ar', '48000', list);
  const decode = {};
  for (const [kind, [ext, ...codec]] of Object.entries(CONTAINERS)) {
    const file = join(dir, `long-${kind}.${ext}`);
    await ffmpeg('-i', list, ...codec, file);
    const r = JSON.parse(await run([join(bench.top, 'build/bench/decode'), file], { core: bench.serverCore }));
    decode[kind] = { seconds: r.samples / 16000, ms: r.ms, per10s: r.ms / (r.samples / 160000) };
  }
  return { title: 'The offline recogniser', error, decode };
}
