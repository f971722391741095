// A sentence as a lower third: a panel that fits its lines, in the middle of the lower edge.

import { BOLD, REGULAR, percent } from "../brush.js";
import { LIGHT, SOFT } from "../palette.js";

const SCALE = 1.45; // of the letters, against those of a tag
const WIDEST = 0.72; // of a line, as a share of the picture's width
const LINES = 3;

export function paintCaption(brush, node, { data }) {
  if (!data.text || !brush.names) return;
  const size = brush.size * SCALE;
  const lines = wrapped(brush, data.text[0].toUpperCase() + data.text.slice(1), brush.width * WIDEST);
  const [share, gap] = [percent(data.score), size / 2];
  const tail = gap + brush.wide(share, REGULAR);
  const wide = lines.map((line) => brush.wide(line, BOLD, SCALE));
  const inner = Math.max(...wide, wide[wide.length - 1] + tail);
  const [step, pad] = [size * 1.35, size];
  const height = step * lines.length + pad;
  const top = Math.max(0, brush.floor - height - Math.min(4 * brush.size, brush.height * 0.08));
  brush.panel((brush.width - inner) / 2 - pad, top, inner + 2 * pad, height);
  lines.forEach((line, n) => {
    const last = n === lines.length - 1;
    const left = (brush.width - wide[n] - (last ? tail : 0)) / 2;
    const base = top + pad / 2 + n * step + step / 2 + size * 0.36;
    brush.write(line, left, base, LIGHT, BOLD, SCALE);
    if (last) brush.write(share, left + wide[n] + gap, base, SOFT, REGULAR);
  });
  brush.floor = top;
}

// Lines of whole words, as even as they come; what does not fit on the last is cut.
function wrapped(brush, text, width) {
  const whole = brush.wide(text, BOLD, SCALE);
  const words = text.split(/\s+/);
  for (let count = Math.min(LINES, Math.max(1, Math.ceil(whole / width))); ; count++) {
    let lines = filled(brush, words, Math.min(width, (whole / count) * 1.12));
    if (lines.length <= count) return lines;
    if (count < LINES) continue;
    lines = filled(brush, words, width);
    return lines.length <= LINES ? lines : [...lines.slice(0, LINES - 1), `${lines[LINES - 1]} …`];
  }
}

function filled(brush, words, width) {
  const lines = [];
  for (const word of words) {
    const longer = lines.length ? `${lines[lines.length - 1]} ${word}` : word;
    if (lines.length && brush.wide(longer, BOLD, SCALE) <= width) lines[lines.length - 1] = longer;
    else lines.push(cut(brush, word, width));
  }
  return lines;
}

function cut(brush, word, width) {
  while (word.length > 1 && brush.wide(word, BOLD, SCALE) > width) word = `${word.slice(0, -2)}…`;
  return word;
}
