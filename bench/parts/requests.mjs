// Requests: admitted for one client; the flood of one who is refused; every
// request a new client. All servers of a part run at once, their rounds take
// turns, and a ratio is of two rounds that stood side by side.

import { ask } from '../lib/http.mjs';
import { round } from '../lib/wrk.mjs';
import { bare } from '../servers/bare.mjs';
import { express } from '../servers/express.mjs';
import { nginx } from '../servers/nginx.mjs';
import { voicegate } from '../servers/voicegate.mjs';
import { stop } from '../lib/process.mjs';

const WARM_S = 1;
const HIGH = 1000000;       // requests a minute: the most that a setting takes
const LOW = 60;
const SLACK = 40;           // failures that a busy machine may bring about

/** What the gateway answers: the others are set up after it. */
export async function example(gateway) {
  const r = await ask(`http://127.0.0.1:${gateway.port}${gateway.path}`);
  if (r.status !== 200) throw new Error(`${gateway.path}: ${r.status}`);
  return { ...r, path: gateway.path };
}

async function clear(bench, server) {
  if (server.name === 'voicegate') await bench.sql('truncate voicegate.rate_limit_window', server.databaseUrl);
  if (server.name === 'express') await bench.sql('truncate health', server.databaseUrl);
}

/** Rounds of all SERVERS in turn; each server's list of rounds, by name. */
export async function takeTurns(bench, servers, how, { before, after } = {}) {
  const all = Object.fromEntries(servers.map((s) => [s.label ?? s.name, []]));
  for (const s of servers) await round(bench, s, { ...how, seconds: WARM_S });
  for (let n = 0; n < bench.rounds; n++) {
    const line = [];
    for (let i = 0; i < servers.length; i++) {
      const s = servers[(i + n) % servers.length];
      const label = s.label ?? s.name;
      await before?.(s);
      const began = Date.now();
      const r = await round(bench, s, { seconds: bench.seconds, connections: bench.connections, ...how });
      await after?.(s, r, (Date.now() - began) / 1000);
      all[label].push(r);
      line.push(`${label} ${Math.round(r.rate)}/s ${r.cpu.toFixed(1)} µs`);
    }
    bench.say(`  round ${n + 1} of ${bench.rounds}: ${line.join(', ')}`);
  }
  return all;
}

function allGood(all, what, fine) {
  for (const [name, rounds] of Object.entries(all)) {
    for (const r of rounds) {
      if (!fine(name, r)) throw new Error(`${what}: ${name} answered ${r.bad} of ${r.requests} otherwise, ${r.errors} errors`);
    }
  }
}

// A few may fail where the machine is busy with others: wrk gives up after 2 s.
const most = (r) => r.bad + r.errors <= Math.max(SLACK, r.requests / 1000);

export async function admitted(bench) {
  const gate = await voicegate(bench, { RATE_LIMIT_HEALTH_PER_MINUTE: String(HIGH) });
  const like = await example(gate);
  const servers = [gate, await bare(bench, like), await nginx(bench, like, { rate: '1000000r/s' }),
    await express(bench, like, { points: 1e9 })];
  const all = await takeTurns(bench, servers, { connections: bench.connections }, { before: (s) => clear(bench, s) });
  allGood(all, 'admitted', (name, r) => most(r));
  await Promise.all(servers.map((s) => stop(s)));
  return { title: 'Admitted, one client', servers: all };
}

export async function flood(bench) {
  const gate = await voicegate(bench, { RATE_LIMIT_HEALTH_PER_MINUTE: String(LOW) });
  const like = await example(gate);
  const servers = [gate, await bare(bench, like), await nginx(bench, like, { rate: `${LOW}r/m`, burst: LOW }),
    await express(bench, like, { points: LOW })];
  let sent = 0;
  const all = await takeTurns(bench, servers, { connections: bench.connections }, {
    before: async (s) => { if (s.databaseUrl) sent = await bench.statements(s.databaseUrl); },
    after: async (s, r, seconds) => {
      if (s.databaseUrl) r.statements = (await bench.statements(s.databaseUrl) - sent) / seconds;
    },
  });
  allGood(all, 'flood', (name, r) => (name === 'bare Kore' ? most(r) : r.errors <= Math.max(SLACK, r.requests / 1000) && r.requests - r.bad <= 4 * LOW));
  await Promise.all(servers.map((s) => stop(s)));
  return { title: '429 flood, one client', servers: all };
}

// Many clients have many connections: what a check costs falls with how many come at once.
export async function clients(bench) {
  const gate = await voicegate(bench, { RATE_LIMIT_HEALTH_PER_MINUTE: String(LOW), TRUSTED_PROXIES: '127.0.0.1' });
  const like = await example(gate);
  const servers = [gate, await bare(bench, like), await nginx(bench, like, { rate: `${LOW}r/m`, burst: LOW, proxies: true }),
    await express(bench, like, { points: LOW, proxies: true })];
  const all = await takeTurns(bench, servers, { connections: bench.crowd, script: 'clients.lua' },
    { before: (s) => clear(bench, s) });
  allGood(all, 'clients', (name, r) => most(r));
  await Promise.all(servers.map((s) => stop(s)));
  return { title: 'Every request a new client', servers: all };
}

/** The table of windows with ROWS rows beside an empty one. */
export async function rows(bench) {
  const settings = { RATE_LIMIT_HEALTH_PER_MINUTE: String(LOW), TRUSTED_PROXIES: '127.0.0.1' };
  const empty = Object.assign(await voicegate(bench, settings), { label: 'empty table' });
  const full = Object.assign(await voicegate(bench, settings), { label: 'full table' });
  const STEP = 500000;
  for (let n = 0; n < bench.rows; n += STEP) {
    const to = Math.min(bench.rows, n + STEP) - 1;
    await bench.sql(`insert into voicegate.rate_limit_window
      (client, policy, quota, window_s, used, granted, slot, started_at, expires_at)
      select host('100.0.0.0'::inet + i::bigint * 7919 % 100000007), 'session', 10, 86400, 3, 1, 1, now(), now() + '1 day'
      from generate_series(${n}, ${to}) as i`, full.databaseUrl);
    bench.say(`  ${Math.min(bench.rows, n + STEP).toLocaleString('en-US')} rows`);
  }
  await bench.sql('vacuum analyze voicegate.rate_limit_window; checkpoint', full.databaseUrl);
  const all = await takeTurns(bench, [empty, full], { connections: bench.connections, script: 'clients.lua' }, {
    before: (s) => bench.sql("delete from voicegate.rate_limit_window where policy = 'health'", s.databaseUrl),
  });
  const size = await bench.sql("select pg_size_pretty(pg_total_relation_size('voicegate.rate_limit_window'))", full.databaseUrl);
  allGood(all, 'rows', (name, r) => most(r));
  await Promise.all([empty, full].map((s) => stop(s)));
  return { title: `${bench.rows.toLocaleString('en-US')} rows in the table of windows`, servers: all, size };
}

/**
 * A flood of refusals of CROWD clients: what is recorded of it, and what that
 * costs. The twin has the same statements, of which PostgreSQL keeps nothing.
 */
export async function events(bench) {
  const settings = { RATE_LIMIT_HEALTH_PER_MINUTE: '1', TRUSTED_PROXIES: '127.0.0.1' };
  const kept = Object.assign(await voicegate(bench, settings), { label: 'events kept' });
  const twin = Object.assign(await voicegate(bench, settings), { label: 'events thrown away' });
  await bench.sql('create rule nothing as on insert to voicegate.security_event do instead nothing', twin.databaseUrl);
  const all = await takeTurns(bench, [kept, twin], { connections: bench.connections, script: 'crowd.lua' });
  allGood(all, 'events', (name, r) => r.errors === 0);
  const refused = all[kept.label].reduce((n, r) => n + r.bad, 0);
  await Promise.all([kept, twin].map((s) => stop(s)));   // what is still to be written is, at the end
  const [counted, written] = (await bench.sql(`select sum(count), count(*) from voicegate.security_event
    where kind = 'rate_limited'`, kept.databaseUrl)).split('|').map(Number);
  // wrk tells of its own rounds; the warm-up's refusals are recorded too.
  if (counted < refused) throw new Error(`events: ${counted} of ${refused} refusals are counted`);
  return { title: 'A flood of refusals, recorded', servers: all, counted, written };
}
