// wrk on the load's core, and what the server and PostgreSQL spent meanwhile.

import { fileURLToPath } from 'node:url';
import { cpu, run } from './process.mjs';

const here = (name) => fileURLToPath(new URL(`../load/${name}`, import.meta.url));

/**
 * One round against SERVER: { requests, rate, p50, p99 (ms), bad, cpu (µs of the
 * server a request), busy (share of its core), dbCpu (µs a request) }.
 */
export async function round(bench, server, { seconds, connections, script = 'plain.lua', headers = [], path, scheme = 'http' }) {
  const url = `${scheme}://127.0.0.1:${server.port}${path ?? server.path}`;
  const args = ['wrk', '-t1', `-c${connections}`, `-d${seconds}s`, '-s', here(script),
    ...headers.flatMap((h) => ['-H', h]), url];
  const before = [server.pid, bench.database.pid].map(cpu);
  const began = process.hrtime.bigint();
  const out = await run(args, { core: bench.loadCore });
  const wall = Number(process.hrtime.bigint() - began) / 1e9;
  const [own, db] = [server.pid, bench.database.pid].map((p, i) => cpu(p) - before[i]);
  const r = JSON.parse(out.match(/^JSON (.*)$/m)[1]);
  const errors = r.connect + r.read + r.write + r.timeout;
  return {
    requests: r.requests, rate: r.requests / (r.us / 1e6), p50: r.p50 / 1000, p99: r.p99 / 1000,
    bad: r.status, errors, cpu: own * 1e6 / r.requests, busy: own / wall, dbCpu: db * 1e6 / r.requests,
  };
}
