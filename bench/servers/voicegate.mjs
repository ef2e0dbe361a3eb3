// The gateway with every policy on: origins, limits in PostgreSQL, security
// headers, its log, the sandbox. One worker, for one core.

import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, run, start, until } from '../lib/process.mjs';

let count = 0;

/** SETTINGS: of the gateway, beyond what makes it run here. */
export async function voicegate(place, settings = {}, { database } = {}) {
  const dir = place.folder(`voicegate-${++count}`);
  if (place.user) await run(['chown', place.user, dir]);
  const url = database ?? await place.newDatabase();
  const port = await freePort();
  const log = join(place.dir, `voicegate-${count}.log`);
  const env = {
    PORT: String(port), VAR: dir, DATABASE_URL: url, WORKERS: '1', SPEECH_URL: place.speechUrl,
    ALLOWED_ORIGINS: 'https://app.example.com,https://*.example.org', ...settings,
    ...(place.user ? { RUN_AS_USER: place.user } : {}),
  };
  const bin = join(place.top, 'build/release/voicegate/voicegate');
  await run(['env', '-i', `PATH=${process.env.PATH}`, ...Object.entries(env).map(([k, v]) => `${k}=${v}`), bin, '--migrate'], { cwd: dir });
  const ready = join(dir, 'ready');
  const p = start('voicegate', place.serverCore, [bin, '-f', '-n', ...(place.user ? [] : ['-r']), '--ready-file', ready],
    { env, cwd: dir, log });
  await until('voicegate is ready', 30000, () => {
    if (p.ended) throw new Error(`voicegate ended:\n${readFileSync(log, 'utf8')}`);
    return existsSync(ready);
  });
  return Object.assign(p, { port, path: '/api/health', databaseUrl: url });
}
