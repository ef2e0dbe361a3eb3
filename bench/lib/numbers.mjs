// Rounds to figures. All are told as min, median, max.

export function spread(values) {
  const v = [...values].sort((a, b) => a - b);
  const mid = v.length >> 1;
  return { min: v[0], median: v.length % 2 ? v[mid] : (v[mid - 1] + v[mid]) / 2, max: v[v.length - 1] };
}

/** Round by round A over B: both were measured side by side. */
export function ratios(a, b) {
  return spread(a.map((x, i) => x / b[i]));
}

export function short(n) {
  if (n === undefined || n === null || Number.isNaN(n)) return '–';
  const a = Math.abs(n);
  if (a >= 1000) return Math.round(n).toLocaleString('en-US');
  if (a >= 100) return n.toFixed(0);
  if (a >= 10) return n.toFixed(1);
  return n.toFixed(2);
}

export const three = (s) => `${short(s.median)} (${short(s.min)}–${short(s.max)})`;
