// Full TLS handshakes a second, beside nginx with the same certificate.

import { join } from 'node:path';
import { cpu, run, stop } from '../lib/process.mjs';
import { ask } from '../lib/http.mjs';
import { nginx } from '../servers/nginx.mjs';
import { voicegate } from '../servers/voicegate.mjs';

const THREADS = 8;
const KINDS = {
  'EC P-256': ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256'],
  'RSA 2048': ['-newkey', 'rsa:2048'],
};

async function handshakes(bench, server, seconds) {
  const before = cpu(server.pid);
  const r = JSON.parse(await run([join(bench.top, 'build/bench/handshakes'), String(server.port), '/api/health',
    String(THREADS), String(seconds)], { core: bench.loadCore }));
  if (r.failed > r.requests / 100 || r.resumed > 0) throw new Error(`tls: ${server.name}: ${JSON.stringify(r)}`);
  const own = cpu(server.pid) - before;
  return { rate: r.requests / r.seconds, cpu: own * 1e6 / r.requests, busy: own / r.seconds };
}

export async function tls(bench) {
  const kinds = {};
  for (const [kind, how] of Object.entries(KINDS)) {
    const dir = bench.folder(`tls-${kind.split(' ')[0]}`);
    const cert = join(dir, 'cert.pem');
    const key = join(dir, 'key.pem');
    await run(['openssl', 'req', '-x509', ...how, '-nodes', '-days', '2', '-subj', '/CN=localhost',
      '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1', '-keyout', key, '-out', cert]);
    if (bench.user) await run(['chown', bench.user, key]);
    const gate = await voicegate(bench, { RATE_LIMIT_HEALTH_PER_MINUTE: '1000000', TLS_CERT_FILE: cert, TLS_KEY_FILE: key });
    const like = { ...await ask(`https://127.0.0.1:${gate.port}${gate.path}`), path: gate.path };
    const servers = [gate, await nginx(bench, like, { rate: '1000000r/s', tls: { cert, key } })];
    const all = Object.fromEntries(servers.map((s) => [s.name, []]));
    for (const s of servers) await handshakes(bench, s, 1);
    for (let n = 0; n < bench.rounds; n++) {
      const line = [];
      for (let i = 0; i < servers.length; i++) {
        const s = servers[(i + n) % servers.length];
        const r = await handshakes(bench, s, bench.seconds);
        all[s.name].push(r);
        line.push(`${s.name} ${Math.round(r.rate)}/s ${Math.round(r.cpu)} µs`);
      }
      bench.say(`  ${kind}, round ${n + 1} of ${bench.rounds}: ${line.join(', ')}`);
    }
    await Promise.all(servers.map((s) => stop(s)));
    kinds[kind] = all;
  }
  return { title: 'TLS handshakes', kinds };
}
