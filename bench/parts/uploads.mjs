// 64 uploads of 10 MiB at once. The gateway takes the multipart apart, looks at
// the sound, writes it to a file without a name and then finds that there is no
// such session (404): all of its work but the providers'. nginx writes the same
// bodies, unparsed, to its own temporary files.

import { join } from 'node:path';
import { ask } from '../lib/http.mjs';
import { cpu, io, memory, run, sleep, stop } from '../lib/process.mjs';
import { spread } from '../lib/numbers.mjs';
import { nginx } from '../servers/nginx.mjs';
import { voicegate } from '../servers/voicegate.mjs';

const COUNT = 64;
const MIB = 1 << 20;
const SIZE = 10 * MIB;

async function once(bench, server, path, wanted) {
  const rss = () => Math.max(...memory(server.pid, 'VmRSS'));
  const before = { cpu: cpu(server.pid), rss: rss(), wrote: io(server.pid, 'wchar') };
  let peak = before.rss;
  const timer = setInterval(() => { peak = Math.max(peak, rss()); }, 20);
  const r = JSON.parse(await run([process.execPath, join(bench.top, 'bench/load/uploads.mjs'), String(server.port), path,
    String(COUNT), String(SIZE), server.path], { core: bench.loadCore }));
  clearInterval(timer);
  if (r.statuses[wanted] !== COUNT) throw new Error(`uploads: ${server.name}: ${JSON.stringify(r.statuses)}`);
  const mib = COUNT * SIZE / MIB;
  const waits = r.health.filter((w) => w !== null);
  return {
    rate: mib / r.seconds, cpu: (cpu(server.pid) - before.cpu) * 1e6 / mib, grown: (peak - before.rss) / COUNT / 1024,
    written: (io(server.pid, 'wchar') - before.wrote) / (COUNT * SIZE), health: spread(waits).median,
  };
}

export async function uploads(bench) {
  const gate = await voicegate(bench, {
    RATE_LIMIT_HEALTH_PER_MINUTE: '1000000', RATE_LIMIT_PER_MINUTE: '1000000', MAX_CONNECTIONS_PER_CLIENT: '0',
    BODY_TIMEOUT_SECONDS: '60', MAX_UPLOADS_IN_FLIGHT: String(COUNT),
  });
  const like = { ...await ask(`http://127.0.0.1:${gate.port}${gate.path}`), path: gate.path };
  const servers = [[gate, '/api/voice/process', '404'], [await nginx(bench, like, { rate: '1000000r/s', spool: true }), '/spool', '200']];
  const all = { voicegate: [], nginx: [] };
  for (let n = 0; n < bench.rounds; n++) {
    const line = [];
    for (let i = 0; i < servers.length; i++) {
      const [s, path, wanted] = servers[(i + n) % servers.length];
      const r = await once(bench, s, path, wanted);
      all[s.name].push(r);
      line.push(`${s.name} ${Math.round(r.rate)} MiB/s ${Math.round(r.cpu)} µs/MiB`);
      await sleep(500);
    }
    bench.say(`  round ${n + 1} of ${bench.rounds}: ${line.join(', ')}`);
  }
  await Promise.all(servers.map(([s]) => stop(s)));
  return { title: `${COUNT} uploads of 10 MiB at once`, servers: all };
}
