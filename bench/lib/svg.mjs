// Bars, drawn by hand: one row a server, the median as a bar, min and max as a
// line on it. Readable on light and dark ground.

import { short } from './numbers.mjs';

const WIDTH = 720;
const LEFT = 150;
const RIGHT = 110;
const ROW = 26;
const escape = (t) => String(t).replace(/[&<>"]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' })[c]);

/** PANELS: [{ title, unit, bars: [{ name, min, median, max, mark }] }] */
export function bars(title, panels) {
  let y = 34;
  const parts = [];
  for (const panel of panels) {
    const most = Math.max(...panel.bars.map((b) => b.max), Number.MIN_VALUE);
    const x = (v) => LEFT + (WIDTH - LEFT - RIGHT) * v / most;
    parts.push(`<text x="8" y="${y + 12}" class="p">${escape(panel.title)}</text>`);
    y += 22;
    for (const b of panel.bars) {
      const mid = y + ROW / 2;
      parts.push(
        `<text x="${LEFT - 8}" y="${mid + 4}" text-anchor="end">${escape(b.name)}</text>`,
        `<rect x="${LEFT}" y="${y + 4}" width="${(x(b.median) - LEFT).toFixed(1)}" height="${ROW - 8}" class="${b.mark ? 'm' : 'b'}"/>`,
        `<path d="M${x(b.min).toFixed(1)} ${mid}H${x(b.max).toFixed(1)}M${x(b.min).toFixed(1)} ${mid - 4}v8M${x(b.max).toFixed(1)} ${mid - 4}v8" class="w"/>`,
        `<text x="${(x(b.max) + 8).toFixed(1)}" y="${mid + 4}">${escape(short(b.median))} ${escape(panel.unit)}</text>`);
      y += ROW;
    }
    y += 12;
  }
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${y}" width="${WIDTH}" height="${y}" role="img" aria-label="${escape(title)}">
<style>text{font:13px sans-serif;fill:#24292f}.t{font-weight:600;font-size:15px}.p{fill:#57606a}.m{fill:#1a7f64}.b{fill:#8c959f}.w{stroke:#24292f;fill:none}@media(prefers-color-scheme:dark){text{fill:#e6edf3}.p{fill:#9da7b1}.b{fill:#6e7681}.m{fill:#3fb48f}.w{stroke:#e6edf3}}</style>
<text x="8" y="20" class="t">${escape(title)}</text>
${parts.join('\n')}
</svg>
`;
}
