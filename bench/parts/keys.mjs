// Wrong API keys: does the time of the answer tell how nearly right a key is?
// Of two kinds of wrong keys: unknown ones, and real ones with the last character
// another. None comes twice, all are made before the first is asked; asked in a
// random order over one connection, from another address each time, so that none
// meets a limit.

import { randomBytes, randomInt } from 'node:crypto';
import http from 'node:http';
import { stop } from '../lib/process.mjs';
import { voicegate } from '../servers/voicegate.mjs';

const KINDS = ['unknown', 'nearly right'];
const BASE64URL = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const WARM = 200;

function ask(agent, port, client, key) {
  const began = process.hrtime.bigint();
  return new Promise((done, fail) => {
    const req = http.request({ agent, port, host: '127.0.0.1', method: 'POST', path: '/api/session/start',
      headers: { Authorization: `Bearer ${key}`, 'X-Forwarded-For': client } }, (res) => {
      res.resume();
      res.on('error', fail);
      res.on('end', () => done({ status: res.statusCode, us: Number(process.hrtime.bigint() - began) / 1000 }));
    });
    req.on('error', fail);
    req.end();
  });
}

/** The upper tail of the standard normal distribution, both sides (Abramowitz and Stegun 7.1.26). */
export function bothTails(z) {
  const x = Math.abs(z) / Math.SQRT2;
  const t = 1 / (1 + 0.3275911 * x);
  return t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429)))) * Math.exp(-x * x);
}

/** Mann-Whitney of A and B: { p, better: the chance that one of B is larger than one of A } */
export function mannWhitney(a, b) {
  const all = [...a.map((v) => [v, 0]), ...b.map((v) => [v, 1])].sort((x, y) => x[0] - y[0]);
  let ranks = 0;
  let ties = 0;
  for (let i = 0; i < all.length;) {
    let j = i;
    while (j < all.length && all[j][0] === all[i][0]) j++;
    const rank = (i + j + 1) / 2;
    ties += (j - i) ** 3 - (j - i);
    for (; i < j; i++) if (all[i][1]) ranks += rank;
  }
  const n = all.length;
  const u = ranks - b.length * (b.length + 1) / 2;
  const sigma = Math.sqrt(a.length * b.length / 12 * (n + 1 - ties / (n * (n - 1))));
  return { p: bothTails((u - a.length * b.length / 2) / sigma), better: u / (a.length * b.length) };
}

/** Welch's t of A and B, for many of each: { p, difference, low, high } with 95 % confidence. */
export function welch(a, b) {
  const of = (v) => {
    const mean = v.reduce((s, x) => s + x, 0) / v.length;
    return { mean, error: v.reduce((s, x) => s + (x - mean) ** 2, 0) / (v.length - 1) / v.length };
  };
  const [x, y] = [of(a), of(b)];
  const error = Math.sqrt(x.error + y.error);
  const difference = y.mean - x.mean;
  return { p: bothTails(difference / error), difference, low: difference - 1.96 * error, high: difference + 1.96 * error };
}

/** Without its slowest hundredth: those are the machine's. */
const trimmed = (v) => [...v].sort((x, y) => x - y).slice(0, Math.ceil(v.length * 0.99));

/** In a random order (Fisher and Yates). */
function shuffle(list) {
  for (let i = list.length - 1; i > 0; i--) {
    const j = randomInt(i + 1);
    [list[i], list[j]] = [list[j], list[i]];
  }
  return list;
}

export async function keys(bench) {
  const gate = await voicegate(bench, { AUTH_REQUIRED: 'true', TRUSTED_PROXIES: '127.0.0.1', RATE_LIMIT_PER_MINUTE: '1000000' });
  const wanted = WARM + bench.rounds * 1000;   // of each kind
  // Of 256 bits the last of 43 characters carries four: every fourth will do.
  const tails = [...BASE64URL].filter((c, i) => i % 4 === 0);
  const real = (await bench.sql(`select api_key from generate_series(1, ${Math.ceil(wanted / (tails.length - 1))}) as n,
    lateral voicegate.create_api_key('bench ' || n) as k`, gate.databaseUrl)).split('\n');
  const nearly = shuffle(real.flatMap((k) => tails.filter((c) => c !== k.at(-1)).map((c) => k.slice(0, -1) + c)));
  const asked = shuffle(nearly.slice(0, wanted).flatMap((key) => [{ kind: 'nearly right', key },
    { kind: 'unknown', key: `vg_${randomBytes(32).toString('base64url')}` }]));
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  const us = { unknown: [], 'nearly right': [] };
  for (const [n, { kind, key }] of asked.entries()) {
    const r = await ask(agent, gate.port, `10.${n >> 16 & 255}.${n >> 8 & 255}.${n & 255}`, key);
    if (r.status !== 401) throw new Error(`keys: ${kind}: ${r.status}`);
    if (n >= 2 * WARM) us[kind].push(r.us);
    if (n % 2000 === 0) bench.say(`  ${n} of ${asked.length}`);
  }
  agent.destroy();
  await stop(gate);
  const [a, b] = KINDS.map((k) => us[k]);
  return { title: 'Wrong API keys: unknown and nearly right',
    asked: Object.fromEntries(KINDS.map((k) => { const v = [...us[k]].sort((x, y) => x - y);
      return [k, { n: v.length, p25: v[v.length >> 2], median: v[v.length >> 1], p75: v[Math.floor(v.length * 0.75)] }]; })),
    rank: mannWhitney(a, b), mean: welch(trimmed(a), trimmed(b)) };
}
