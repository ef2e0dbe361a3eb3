// results.md and the plots, from results.json.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ratios, short, spread, three } from './numbers.mjs';
import { bars } from './svg.mjs';

const values = (rounds, key) => rounds.map((r) => r[key]);
const table = (head, rows) => [`| ${head.join(' | ')} |`, `| ${head.map((_, i) => (i ? '---:' : '---')).join(' | ')} |`,
  ...rows.map((r) => `| ${r.join(' | ')} |`)].join('\n');

/** Rates of servers side by side; BASE is what ratios are against. */
function compared(part, base) {
  const names = Object.keys(part.servers);
  const statements = names.some((n) => part.servers[n][0].statements !== undefined);
  const head = ['', 'requests/s', `of ${base}`, 'CPU a request, µs', `of ${base}`, 'PostgreSQL, µs', 'p50, ms', 'p99, ms', `p99 of ${base}`, 'core busy'];
  if (statements) head.push('statements/s');
  return table(head, names.map((name) => {
    const r = part.servers[name];
    const b = part.servers[base];
    const line = [name, three(spread(values(r, 'rate'))), name === base ? '1' : three(ratios(values(r, 'rate'), values(b, 'rate'))),
      three(spread(values(r, 'cpu'))), name === base ? '1' : three(ratios(values(r, 'cpu'), values(b, 'cpu'))), spread(values(r, 'dbCpu')).median < 0.2 ? '–' : three(spread(values(r, 'dbCpu'))),
      three(spread(values(r, 'p50'))), three(spread(values(r, 'p99'))),
      name === base ? '1' : three(ratios(values(r, 'p99'), values(b, 'p99'))), `${Math.round(spread(values(r, 'busy')).median * 100)} %`];
    if (statements) line.push(r[0].statements === undefined ? '–' : three(spread(values(r, 'statements'))));
    return line;
  }));
}

function plot(part) {
  const panel = (key, title, unit) => ({
    title, unit,
    bars: Object.entries(part.servers).map(([name, r]) => ({ name, ...spread(values(r, key)), mark: name === 'voicegate' || name === 'full table' || name === 'events kept' })),
  });
  return bars(part.title, [panel('rate', 'requests a second', '/s'), panel('cpu', "the server's CPU a request", 'µs'), panel('p99', '99th percentile', 'ms')]);
}

function requests(part, base) {
  const lines = [compared(part, base)];
  const names = Object.keys(part.servers);
  if (names.includes('nginx') && names.includes('voicegate')) {
    lines.push('', `CPU of voicegate over nginx, round by round: ${three(ratios(values(part.servers.voicegate, 'cpu'), values(part.servers.nginx, 'cpu')))}.`);
  }
  if (part.written) {
    const p50 = Object.values(part.servers).map((r) => values(r, 'p50'));
    lines.push('', `Median latency, kept over thrown away, round by round: ${three(ratios(...p50))}.`, '', `${short(part.counted)} refusals are ${part.written} rows, and none is lost of their count.`);
  }
  if (part.size) lines.push('', `The full table with its index: ${part.size}.`);
  return lines.join('\n');
}

function handshakes(part) {
  return table(['certificate', 'server', 'handshakes/s', 'of nginx', 'CPU a handshake, µs', 'of nginx'],
    Object.entries(part.kinds).flatMap(([kind, servers]) => Object.entries(servers).map(([name, r]) => [kind, name,
      three(spread(values(r, 'rate'))), name === 'nginx' ? '1' : three(ratios(values(r, 'rate'), values(servers.nginx, 'rate'))),
      three(spread(values(r, 'cpu'))), name === 'nginx' ? '1' : three(ratios(values(r, 'cpu'), values(servers.nginx, 'cpu')))])));
}

function handshakePlot(part) {
  return bars(part.title, Object.entries(part.kinds).map(([kind, servers]) => ({
    title: `${kind}: CPU a handshake`, unit: 'µs',
    bars: Object.entries(servers).map(([name, r]) => ({ name, ...spread(values(r, 'cpu')), mark: name === 'voicegate' })),
  })));
}

function uploads(part) {
  return table(['', 'MiB/s', 'CPU a MiB, µs', 'of nginx', 'memory an upload, KiB', 'written, of the sound', 'health meanwhile, median ms'],
    Object.entries(part.servers).map(([name, r]) => [name, three(spread(values(r, 'rate'))), three(spread(values(r, 'cpu'))),
      name === 'nginx' ? '1' : three(ratios(values(r, 'cpu'), values(part.servers.nginx, 'cpu'))), three(spread(values(r, 'grown'))),
      three(spread(values(r, 'written'))), three(spread(values(r, 'health')))]));
}

function uploadPlot(part) {
  return bars(part.title, [['rate', 'throughput', 'MiB/s'], ['cpu', "the server's CPU a MiB", 'µs']].map(([key, title, unit]) => ({
    title, unit, bars: Object.entries(part.servers).map(([name, r]) => ({ name, ...spread(values(r, key)), mark: name === 'voicegate' })),
  })));
}

function speech(part) {
  return [table(['recordings of people', 'recordings', 'words', 'word error rate'], Object.entries(part.error).map(([name, e]) =>
    [name, e.recordings, short(e.words), `${(100 * e.wrong / e.words).toFixed(1)} %`])), '',
  table(['decoding', 'CPU for 10 s of sound, ms'], Object.entries(part.decode).map(([kind, d]) => [kind, short(d.per10s)]))].join('\n');
}

function speechPlot(part) {
  return bars(part.title, [
    { title: 'word error rate', unit: '%', bars: Object.entries(part.error).map(([name, e]) => {
      const v = 100 * e.wrong / e.words;
      return { name: name.replace(/^every 6th prompt/, 'some prompts'), min: v, median: v, max: v, mark: true };
    }) },
    { title: 'CPU of decoding 10 s', unit: 'ms', bars: Object.entries(part.decode).map(([name, d]) => ({ name, min: d.per10s, median: d.per10s, max: d.per10s, mark: true })) },
  ]);
}

function keys(part) {
  const probability = (p) => (p < 0.001 ? p.toExponential(1) : p.toFixed(3));
  return [table(['wrong keys', 'asked', '25th percentile, µs', 'median, µs', '75th percentile, µs'], Object.entries(part.asked).map(([kind, r]) =>
    [kind, short(r.n), short(r.p25), short(r.median), short(r.p75)])), '',
  `Mann-Whitney: p = ${probability(part.rank.p)}; the chance that a nearly right one takes longer than an unknown one is ${(100 * part.rank.better).toFixed(1)} % (50 %: no difference).`,
  `Welch, without the slowest hundredth of each: ${part.mean.difference.toFixed(1)} µs longer, with 95 % confidence between ${part.mean.low.toFixed(1)} and ${part.mean.high.toFixed(1)} µs; p = ${probability(part.mean.p)}.`].join('\n');
}

const SECTIONS = {
  admitted: (p) => [requests(p, 'bare Kore'), plot(p)],
  flood: (p) => [requests(p, 'bare Kore'), plot(p)],
  clients: (p) => [requests(p, 'bare Kore'), plot(p)],
  rows: (p) => [requests(p, 'empty table'), plot(p)],
  tls: (p) => [handshakes(p), handshakePlot(p)],
  events: (p) => [requests(p, 'events thrown away'), plot(p)],
  keys: (p) => [keys(p), null],
  speech: (p) => [speech(p), speechPlot(p)],
  uploads: (p) => [uploads(p), uploadPlot(p)],
};

export function report(out, results) {
  const lines = ['# What was measured', '',
    'Made by `make bench`; do not edit. Each figure: median (min–max) of the rounds. Servers on one core, the load and PostgreSQL on',
    'another; one worker or process each; CPU is user and system of all processes of a server, PostgreSQL told by itself.', ''];
  for (const [name, section] of Object.entries(SECTIONS)) {
    const part = results.parts[name];
    if (!part) continue;
    const [text, svg] = section(part);
    lines.push(`## ${part.title}`, '', `${part.when}, ${part.machine}.`, '', text, '');
    if (svg) {
      writeFileSync(join(out, `${name}.svg`), svg);
      lines.push(`![${part.title}](${name}.svg)`, '');
    }
  }
  writeFileSync(join(out, 'results.md'), lines.join('\n'));
}

export { short };
