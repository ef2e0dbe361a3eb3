// Processes of the bench: started on a core, measured from /proc, ended by pid.

import { spawn, execFileSync } from 'node:child_process';
import { closeSync, openSync, readFileSync, readdirSync } from 'node:fs';
import { createServer } from 'node:net';

const TICK = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));
const live = new Set();

export const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

export async function until(what, ms, check) {
  const end = Date.now() + ms;
  for (;;) {
    const value = await check();
    if (value) return value;
    if (Date.now() > end) throw new Error(`${what}: not within ${ms / 1000} s`);
    await sleep(50);
  }
}

/** A port of loopback that was free a moment ago. */
export function freePort() {
  return new Promise((done, fail) => {
    const s = createServer();
    s.on('error', fail);
    s.listen(0, '127.0.0.1', () => {
      const { port } = s.address();
      s.close(() => done(port));
    });
  });
}

/** Starts a program on CORE in a process group of its own. */
export function start(name, core, argv, { env = {}, log, cwd } = {}) {
  const out = log ? openSync(log, 'a') : 'ignore';
  const child = spawn('taskset', ['-c', String(core), ...argv], {
    cwd, detached: true, stdio: ['ignore', out, out],
    env: { PATH: process.env.PATH, LANG: 'C.UTF-8', ...env },
  });
  if (log) closeSync(out);
  const p = { name, pid: child.pid, log, ended: false };
  p.end = new Promise((done) => {
    child.on('exit', (code, signal) => {
      p.ended = true;
      live.delete(p);
      done(code ?? signal);
    });
    child.on('error', (error) => {
      p.ended = true;
      live.delete(p);
      done(error.message);
    });
  });
  live.add(p);
  return p;
}

/** Ends it: TERM, after WAIT ms KILL to its whole group. */
export async function stop(p, wait = 5000) {
  if (!p || p.ended) return;
  try { process.kill(p.pid, 'SIGTERM'); } catch { /* gone */ }
  const timer = setTimeout(() => {
    try { process.kill(-p.pid, 'SIGKILL'); } catch { /* gone */ }
  }, wait);
  await p.end;
  clearTimeout(timer);
}

export async function stopAll() {
  await Promise.all([...live].map((p) => stop(p)));
}

/** Runs a program to its end; what it wrote to standard output. */
export function run(argv, { env = {}, cwd, core, input } = {}) {
  const full = core === undefined ? argv : ['taskset', '-c', String(core), ...argv];
  return new Promise((done, fail) => {
    const child = spawn(full[0], full.slice(1), {
      cwd, detached: true, stdio: ['pipe', 'pipe', 'pipe'], env: { ...process.env, ...env },
    });
    const p = { name: full[0], pid: child.pid, ended: false };
    let out = '';
    let err = '';
    p.end = new Promise((gone) => {
      child.on('close', (code) => {
        p.ended = true;
        live.delete(p);
        gone(code);
        if (code === 0) done(out);
        else fail(new Error(`${argv[0]}: exit ${code}\n${err}${out}`.slice(0, 4000)));
      });
    });
    child.on('error', fail);
    child.stdout.on('data', (d) => { out += d; });
    child.stderr.on('data', (d) => { err += d; });
    child.stdin.on('error', () => {});
    child.stdin.end(input ?? '');
    live.add(p);
  });
}

function stat(pid) {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const f = text.slice(text.lastIndexOf(')') + 2).split(' ');
    // user, system, and of children that were waited for
    return { parent: Number(f[1]), cpu: Number(f[11]) + Number(f[12]) + Number(f[13]) + Number(f[14]) };
  } catch {
    return null;
  }
}

/** PID and all below it. */
export function tree(pid) {
  const all = new Map();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const s = stat(name);
    if (s) all.set(Number(name), s.parent);
  }
  const found = [pid];
  for (let i = 0; i < found.length; i++) {
    for (const [child, parent] of all) if (parent === found[i]) found.push(child);
  }
  return found;
}

/** Seconds of CPU, user and system, of PID and all its processes so far. */
export function cpu(pid) {
  return tree(pid).reduce((sum, p) => sum + (stat(p)?.cpu ?? 0), 0) / TICK;
}

/** A line "Key: n kB" of /proc/PID/status, in bytes, summed or the largest. */
export function memory(pid, key) {
  return tree(pid).map((p) => {
    try {
      const m = readFileSync(`/proc/${p}/status`, 'utf8').match(new RegExp(`^${key}:\\s+(\\d+)`, 'm'));
      return m ? Number(m[1]) * 1024 : 0;
    } catch {
      return 0;
    }
  });
}

/** A counter of /proc/PID/io over the tree. */
export function io(pid, key) {
  return tree(pid).reduce((sum, p) => {
    try {
      return sum + Number(readFileSync(`/proc/${p}/io`, 'utf8').match(new RegExp(`^${key}: (\\d+)`, 'm'))[1]);
    } catch {
      return sum;
    }
  }, 0);
}
