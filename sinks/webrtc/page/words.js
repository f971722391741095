// Numbers and moments in words.

export function ago(ms) {
  const s = Math.max(0, Math.floor(ms / 1000));
  if (s < 60) return `${s} s`;
  return s < 3600 ? `${Math.floor(s / 60)} min ${s % 60} s` : `${Math.floor(s / 3600)} h ${Math.floor(s / 60) % 60} min`;
}

export const clock = (ms) => new Date(ms).toLocaleTimeString([], { hour12: false });

export const hour = (ms) =>
  new Date(ms).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hour12: false });

export function bits(perSecond) {
  if (perSecond >= 1e6) return `${(perSecond / 1e6).toFixed(1)} Mbit/s`;
  return `${Math.round(perSecond / 1e3)} kbit/s`;
}

export const milliseconds = (ms) => `${Math.round(ms)} ms`;

export const rate = (value) => (value >= 10 ? String(Math.round(value)) : value.toFixed(1));

export const plural = (count, one, many = `${one}s`) => `${count} ${count === 1 ? one : many}`;

// The value below which a share of some numbers lies; they are left as they are.
export function percentile(values, share) {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
}
