// A panel that lists the likeliest classes, each with a bar; under the one before it.

import { BOLD, REGULAR, clamp, percent, short } from "../brush.js";
import { LIGHT, SOFT, colourOf } from "../palette.js";
import { floats } from "../wire.js";

const BAR = "#4e545c";

export function paintLabels(brush, node, { data }) {
  const scores = floats(data.scores);
  if (!scores.length || !brush.names) return;
  const rows = data.labels.map((label, n) => ({
    name: short(String(label)),
    score: scores.at(n),
    share: percent(scores.at(n)),
    colour: colourOf(data.classes[n]),
  }));
  paintBars(brush, node, rows);
}

// Rows of { name, score in [0, 1], share as text, colour } under a heading.
export function paintBars(brush, heading, rows) {
  const { size } = brush;
  const right = Math.max(...rows.map(({ share }) => brush.wide(share, REGULAR)));
  const names = Math.max(...rows.map(({ name }) => brush.wide(name, BOLD)));
  const inner = Math.max(names + right + 2 * size, 9 * size);
  const [step, head] = [size * 2.1, size * 1.6];
  const height = head + step * rows.length + size;
  brush.panel(size, brush.top, inner + 2 * size, height);
  const left = 2 * size;
  let y = brush.top + size;
  brush.write(heading, left, y + size * 0.7, SOFT, REGULAR, 0.85);
  y += head - size / 2;
  for (const { name, score, share, colour } of rows) {
    const base = y + size;
    brush.write(name, left, base, LIGHT, BOLD);
    brush.write(share, left + inner - brush.wide(share, REGULAR), base, LIGHT, REGULAR);
    const thick = Math.max(2, brush.line + 1);
    brush.rounded(left, base + size * 0.45, inner, thick, thick / 2, BAR);
    brush.rounded(left, base + size * 0.45, inner * clamp(score, 0, 1), thick, thick / 2, colour);
    y += step;
  }
  brush.top += height + size / 2;
}
