// make bench: see HELP.

import { cpus, release } from 'node:os';
import { mkdirSync, readFileSync, writeFileSync, existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Place } from './lib/place.mjs';
import { report } from './lib/report.mjs';
import * as requests from './parts/requests.mjs';
import { keys } from './parts/keys.mjs';
import { speech } from './parts/speech.mjs';
import { tls } from './parts/tls.mjs';
import { uploads } from './parts/uploads.mjs';

const HELP = `make bench                    the parts of every day (some minutes)
make bench BENCH="flood tls"  these parts; BENCH=all: every part

  admitted   health for one client whose limit is high
  flood      one client over its limit: 429
  clients    every request from a new client
  tls        full TLS handshakes beside nginx with the same certificate
  uploads    64 uploads of 10 MiB at once beside nginx that spools them
  speech     word error rate of the offline recogniser, CPU of decoding
  keys       wrong API keys: whether time tells an unknown one from one that is nearly right
  events     429 flood of a hundred clients whose events are kept, beside one whose are not
  rows       a table of windows with BENCH_ROWS rows beside an empty one (not by default)

BENCH_ROUNDS=5          rounds of each server; they take turns
BENCH_SECONDS=4         how long a round is
BENCH_CONNECTIONS=32    connections of the load
BENCH_CROWD=256         those of many clients (clients)
BENCH_ROWS=10000000     rows of the full table
BENCH_SERVER_CORE=0     the servers' core
BENCH_LOAD_CORE=1       the load's core, and PostgreSQL's
BENCH_OUT=bench/results where results.json, results.md and the plots go; parts
                        that are not run keep what they had there
BENCH_KEEP=1            keeps the folder of the run (logs, database)`;

const PARTS = {
  admitted: requests.admitted, flood: requests.flood, clients: requests.clients, rows: requests.rows,
  tls, uploads, speech, keys, events: requests.events,
};
const LONG = ['rows'];

const env = (name, fallback) => process.env[name] || fallback;
const number = (name, fallback) => {
  const n = Number(env(name, fallback));
  if (!Number.isInteger(n) || n < 0) throw new Error(`${name}: a whole number`);
  return n;
};

if (env('BENCH_HELP', '') !== '') {
  console.log(HELP);
  process.exit(0);
}
const top = dirname(dirname(fileURLToPath(import.meta.url)));
const asked = env('BENCH', '').trim();
const wanted = asked === 'all' ? Object.keys(PARTS) : asked === '' ? Object.keys(PARTS).filter((p) => !LONG.includes(p)) : asked.split(/[\s,]+/);
for (const part of wanted) {
  if (!PARTS[part]) {
    console.error(`bench: there is no part "${part}"; BENCH_HELP=1 tells them`);
    process.exit(64);
  }
}
const out = resolve(top, env('BENCH_OUT', 'bench/results'));
const options = {
  rounds: number('BENCH_ROUNDS', 5), seconds: number('BENCH_SECONDS', 4), connections: number('BENCH_CONNECTIONS', 32), crowd: number('BENCH_CROWD', 256),
  rows: number('BENCH_ROWS', 10000000), serverCore: number('BENCH_SERVER_CORE', 0), loadCore: number('BENCH_LOAD_CORE', 1),
};
const place = new Place(top, options);
place.say = (text) => console.log(text);

let ending = false;
async function end(code) {
  if (ending) return;
  ending = true;
  await place.close();
  process.exit(code);
}
process.on('SIGINT', () => { console.log('==> ending'); end(130); });
process.on('SIGTERM', () => end(143));

try {
  console.log('==> PostgreSQL and the speech server');
  await place.openDatabase();
  await place.openSpeech();
  mkdirSync(out, { recursive: true });
  const file = join(out, 'results.json');
  const results = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : { parts: {} };
  for (const part of wanted) {
    if (ending) break;
    console.log(`==> ${part}`);
    const began = Date.now();
    const r = await PARTS[part](place);
    results.parts[part] = {
      ...r, when: new Date(began).toISOString().slice(0, 16) + 'Z', seconds: options.seconds, connections: options.connections,
      machine: `${cpus()[0].model}, ${cpus().length} cores, Linux ${release()}`,
    };
    writeFileSync(file, JSON.stringify(results, (k, v) => (typeof v === 'number' && !Number.isInteger(v) ? Number(v.toPrecision(6)) : v), 1) + '\n');
    report(out, results);
  }
  console.log(readFileSync(join(out, 'results.md'), 'utf8'));
  await end(0);
} catch (error) {
  if (!ending) {
    console.error(`bench: ${error.stack}`);
    await end(1);
  }
}
