// A request of our own.

import http from 'node:http';
import https from 'node:https';
import { readFileSync } from 'node:fs';
import { until } from './process.mjs';

/** { status, fields: [[name, value]], body, ms } */
export function ask(url, { method = 'GET', headers = {}, body } = {}) {
  const began = performance.now();
  return new Promise((done, fail) => {
    const req = (url.startsWith('https') ? https : http).request(url, { method, headers, agent: false, rejectUnauthorized: false }, (res) => {
      const chunks = [];
      res.on('data', (d) => chunks.push(d));
      res.on('error', fail);
      res.on('end', () => {
        const fields = [];
        for (let i = 0; i < res.rawHeaders.length; i += 2) fields.push([res.rawHeaders[i], res.rawHeaders[i + 1]]);
        done({ status: res.statusCode, fields, body: Buffer.concat(chunks).toString('utf8'), ms: performance.now() - began });
      });
    });
    req.on('error', fail);
    req.end(body);
  });
}

/** Waits until P answers on PORT. */
export function answers(p, port, path, scheme = 'http') {
  return until(`${p.name} answers`, 20000, async () => {
    if (p.ended) throw new Error(`${p.name} ended:\n${p.log ? readFileSync(p.log, 'utf8').slice(-2000) : ''}`);
    try {
      return (await ask(`${scheme}://127.0.0.1:${port}${path}`)).status > 0;
    } catch {
      return false;
    }
  });
}
