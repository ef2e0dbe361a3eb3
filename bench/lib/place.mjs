// Where a run lives: a folder of its own, a PostgreSQL of its own in it, and the
// offline speech server. All is gone at the end.

import { mkdtempSync, readFileSync, rmSync, chmodSync, existsSync, mkdirSync } from 'node:fs';
import { execFileSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run, start, stopAll, until } from './process.mjs';

const isRoot = process.getuid() === 0;

/** Started by root, the servers give root up: to whom. Empty: nobody is root. */
function user() {
  if (!isRoot) return '';
  try {
    execFileSync('id', ['voicegate'], { stdio: 'ignore' });
  } catch {
    execFileSync('useradd', ['--system', '--user-group', '--no-create-home', '--home-dir', '/nonexistent',
      '--shell', '/usr/sbin/nologin', 'voicegate']);
  }
  return 'voicegate';
}

export class Place {
  constructor(top, options) {
    this.top = top;
    Object.assign(this, options);   // serverCore, loadCore
    this.dir = mkdtempSync(join(tmpdir(), 'voicegate-bench.'));
    chmodSync(this.dir, 0o755);
    this.user = user();
    this.var = join(this.dir, 'var');
    this.databases = 0;
  }

  folder(name) {
    const dir = join(this.dir, name);
    mkdirSync(dir, { recursive: true, mode: 0o755 });
    return dir;
  }

  async #cluster(action) {
    await run([join(this.top, 'conf/dev/cluster.sh'), action, this.var], { core: this.loadCore });
  }

  async openDatabase() {
    await this.#cluster('start');
    this.clusterUp = true;
    this.url = readFileSync(join(this.var, 'database.url'), 'utf8').trim();
    // Counts statements as they are sent, not as a backend comes to report them.
    await this.sql("alter system set shared_preload_libraries = 'pg_stat_statements'");
    await this.#cluster('stop');
    await this.#cluster('start');
    const pid = readFileSync(join(this.var, 'postgresql/postmaster.pid'), 'utf8').split('\n')[0];
    this.database = { pid: Number(pid) };
    await this.sql('create extension if not exists pg_stat_statements', 'postgres');
  }

  /** A database by itself in the cluster; its URL. */
  async newDatabase() {
    const name = `bench_${++this.databases}`;
    await this.sql(`create database ${name}`);
    return this.urlOf(name);
  }

  urlOf(name) {
    return this.url.replace(/\/[^/]*$/, `/${name}`);
  }

  sql(text, database) {
    const url = database?.startsWith('postgresql:') ? database : database ? this.urlOf(database) : this.url;
    return run(['psql', '-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-f', '-', url], { input: text, core: this.loadCore })
      .then((out) => out.trim());
  }

  /** Statements that were sent to a database so far, ours not counted. */
  async statements(url) {
    const name = url.slice(url.lastIndexOf('/') + 1);
    return Number(await this.sql(`select coalesce(sum(calls), 0) from pg_stat_statements s
      join pg_database d on d.oid = s.dbid where d.datname = '${name}'`, 'postgres'));
  }

  async openSpeech() {
    if (this.speechUrl) return;
    const file = join(this.folder('speech'), 'port');
    this.speech = start('voicegate-speech', this.loadCore,
      [join(this.top, 'build/plain/voicegate-speech'), '--listen', '127.0.0.1:0', '--port-file', file],
      { log: join(this.dir, 'speech.log') });
    await until('the speech server is ready', 60000, () => {
      if (this.speech.ended) throw new Error(`the speech server ended; ${readFileSync(this.speech.log, 'utf8')}`);
      return existsSync(file) && readFileSync(file, 'utf8').trim();
    });
    this.speechUrl = `http://127.0.0.1:${readFileSync(file, 'utf8').trim()}`;
  }

  async close() {
    await stopAll();
    if (this.clusterUp || existsSync(join(this.var, 'postgresql/postmaster.pid'))) {
      await this.#cluster('stop').catch((e) => console.error(e.message));
    }
    if (process.env.BENCH_KEEP !== '1') rmSync(this.dir, { recursive: true, force: true });
    else console.log(`==> kept ${this.dir}`);
  }
}
