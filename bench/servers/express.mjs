// express with helmet, cors and rate-limiter-flexible on the same PostgreSQL:
// bench/express/server.mjs.

import { join } from 'node:path';
import { freePort, start } from '../lib/process.mjs';
import { answers } from '../lib/http.mjs';

export async function express(place, example, { points, proxies = false }) {
  const port = await freePort();
  const url = await place.newDatabase();
  const p = start('express', place.serverCore, [process.execPath, join(place.top, 'bench/express/server.mjs')], {
    cwd: place.folder('express'), log: join(place.dir, 'express.log'),
    env: {
      NODE_ENV: 'production', PORT: String(port), DATABASE_URL: url, POINTS: String(points), BODY: example.body,
      TRUST_PROXY: proxies ? 'loopback' : '',
    },
  });
  await answers(p, port, '/api/health');
  return Object.assign(p, { port, path: '/api/health', databaseUrl: url });
}
