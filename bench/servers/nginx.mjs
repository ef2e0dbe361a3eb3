// nginx with limit_req and, field by field, the headers of the gateway's answer,
// a request id and a buffered access log as the gateway has them. Its content is
// a third of the gateway's, to its favour: the smallest that it makes by itself.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort, start } from '../lib/process.mjs';
import { answers } from '../lib/http.mjs';

const own = new Set(['date', 'server', 'content-length', 'content-type', 'connection', 'x-request-id']);
const quote = (text) => `"${text.replace(/[\\"]/g, '\\$&')}"`;
let count = 0;

/** RATE as limit_req_zone takes it; TLS: { cert, key }; SPOOL: bodies to disk. */
export async function nginx(place, example, { rate, burst = 10000, proxies = false, tls, spool = false } = {}) {
  const dir = place.folder(`nginx-${++count}`);
  const port = await freePort();
  const fields = example.fields.filter(([name]) => !own.has(name.toLowerCase()))
    .map(([name, value]) => `      add_header ${name} ${quote(value)} always;`).join('\n');
  writeFileSync(join(dir, 'nginx.conf'), `
worker_processes 1;
daemon off;
pid ${dir}/pid;
${place.user ? `user ${place.user};` : ''}
error_log ${dir}/error.log warn;
events { worker_connections 1024; }
http {
  server_tokens off;
  default_type application/json;
  access_log ${dir}/access.log combined buffer=64k flush=1s;
  postpone_output 8192;   # head and content in one write, large as the head is
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((n) => `${n}_temp_path ${dir}/${n};`).join('\n  ')}
  ${rate ? `limit_req_zone $binary_remote_addr zone=client:256m rate=${rate};
  limit_req_status 429;
  limit_req_log_level info;` : ''}
  ${proxies ? 'set_real_ip_from 127.0.0.1;\n  real_ip_header X-Forwarded-For;' : ''}
  server {
    listen 127.0.0.1:${port}${tls ? ' ssl' : ''};
    ${tls ? `ssl_certificate ${tls.cert};
    ssl_certificate_key ${tls.key};
    ssl_protocols TLSv1.2 TLSv1.3;` : ''}
    client_max_body_size 16m;
    location = ${example.path} {
      ${rate ? `limit_req zone=client burst=${burst} nodelay;` : ''}
${fields}
      add_header X-Request-ID $request_id always;
      # Its cheapest content. \`return\` would answer before limit_req has its turn.
      empty_gif;
    }
    ${spool ? `location = /spool {
      # The whole body to a file, which is gone with its request.
      client_body_in_file_only clean;
      proxy_pass_request_body off;
      proxy_set_header Content-Length "";
      proxy_pass http://127.0.0.1:${port}/spooled;
    }
    location = /spooled { access_log off; return 200 "{}"; }` : ''}
  }
}
`);
  const p = start('nginx', place.serverCore, [join(place.top, 'build/bench/nginx/usr/sbin/nginx'), '-e', `${dir}/error.log`,
    '-p', dir, '-c', `${dir}/nginx.conf`], { cwd: dir, log: join(place.dir, 'nginx.log') });
  await answers(p, port, example.path, tls ? 'https' : 'http');
  return Object.assign(p, { port, path: example.path, dir });
}
