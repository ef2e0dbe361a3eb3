// COUNT uploads at once, of SIZE bytes of sound each, and health meanwhile:
// uploads.mjs PORT PATH COUNT SIZE HEALTH. One line of JSON.

import net from 'node:net';
import http from 'node:http';

const [port, path, count, size, health] = process.argv.slice(2);
const EVERY_MS = 20;
const boundary = 'voicegate-bench-7MA4YWxkTrZu0gW';
const head = Buffer.from(`--${boundary}\r\nContent-Disposition: form-data; name="session_id"\r\n\r\n` +
  `1b4e28ba-2fa1-4d1e-8def-1b4e28ba2fa1\r\n--${boundary}\r\n` +
  'Content-Disposition: form-data; name="audio"; filename="a.wav"\r\nContent-Type: audio/wav\r\n\r\n');
const tail = Buffer.from(`\r\n--${boundary}--\r\n`);
// A WAV of noise: nothing that a parser could run through quickly.
const sound = Buffer.alloc(Number(size));
let x = 1;
for (let i = 0; i + 4 <= sound.length; i += 4) sound.writeUInt32LE(x = (Math.imul(x, 1664525) + 1013904223) >>> 0, i);
sound.write('RIFF', 0); sound.writeUInt32LE(sound.length - 8, 4); sound.write('WAVEfmt ', 8);
sound.writeUInt32LE(16, 16); sound.writeUInt16LE(1, 20); sound.writeUInt16LE(1, 22); sound.writeUInt32LE(16000, 24);
sound.writeUInt32LE(32000, 28); sound.writeUInt16LE(2, 32); sound.writeUInt16LE(16, 34); sound.write('data', 36);
sound.writeUInt32LE(sound.length - 44, 40);
const length = head.length + sound.length + tail.length;

function upload() {
  return new Promise((done) => {
    let answer = '';
    const s = net.connect(Number(port), '127.0.0.1');
    s.write(`POST ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: close\r\n` +
      `Content-Type: multipart/form-data; boundary=${boundary}\r\nContent-Length: ${length}\r\n\r\n`);
    s.write(head);
    s.write(sound);
    s.write(tail);
    s.on('data', (d) => { answer += d; });
    s.on('error', (e) => done(e.code));
    s.on('close', () => done(answer.slice(9, 12)));
  });
}

const agent = new http.Agent({ keepAlive: true });
function ask() {
  const began = performance.now();
  return new Promise((done) => {
    http.get({ port, path: health, host: '127.0.0.1', agent }, (res) => {
      res.resume();
      res.on('end', () => done(performance.now() - began));
    }).on('error', () => done(null));
  });
}

const waits = [];
let busy = true;
const watch = (async () => {
  while (busy) {
    waits.push(await ask());
    await new Promise((r) => setTimeout(r, EVERY_MS));
  }
})();
const began = performance.now();
const statuses = await Promise.all(Array.from({ length: Number(count) }, upload));
const seconds = (performance.now() - began) / 1000;
busy = false;
await watch;
const tally = {};
for (const s of statuses) tally[s] = (tally[s] ?? 0) + 1;
process.stdout.write(JSON.stringify({ seconds, statuses: tally, health: waits, bytes: length * Number(count) }) + '\n');
process.exit(0);
