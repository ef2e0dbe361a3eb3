// A bare Kore handler with the gateway's body: bench/kore/bare.c.

import { join } from 'node:path';
import { freePort, start } from '../lib/process.mjs';
import { answers } from '../lib/http.mjs';

export async function bare(place, example) {
  const port = await freePort();
  const p = start('bare Kore', place.serverCore,
    [join(place.top, 'build/bench/bare/bare'), '-f', '-n', ...(place.user ? [] : ['-r'])], {
      cwd: place.folder('bare'), log: join(place.dir, 'bare.log'),
      env: { BARE_PORT: String(port), BARE_BODY: example.body, BARE_USER: place.user },
    });
  await answers(p, port, '/');
  return Object.assign(p, { port, path: '/' });
}
