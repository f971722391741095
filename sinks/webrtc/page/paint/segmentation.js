// Tinted classes with contours and tips, and a legend.

import { BOLD, REGULAR, short } from "../brush.js";
import { outline } from "../masks.js";
import { DARK, LIGHT, colourOf } from "../palette.js";
import { floats } from "../wire.js";

const TINT = 0.42; // of a class's colour over what it covers
const LEAST = 0.0005; // of the picture: what covers less is tinted, and not in the legend

export function paintSegmentation(brush, node, { data }) {
  const whole = [0, 0, brush.width, brush.height];
  data.masks.forEach((mask, n) => brush.mask(outline(mask), whole, colourOf(data.classes[n]), TINT));
  for (const region of data.regions ?? []) {
    if (region.tip) tip(brush, floats(region.tip).values, colourOf(region.class));
  }
  if (brush.names) legend(brush, data);
}

// A ring with a dot, dark around it, so that it shows on tissue and on metal alike.
function tip(brush, [tx, ty], colour) {
  const [x, y] = [tx * brush.width, ty * brush.height];
  const [radius, dot] = [brush.size * 0.55, Math.max(2, brush.size / 6)];
  for (const [ink, more] of [[DARK, brush.line], [LIGHT, 0]]) {
    brush.context.beginPath();
    brush.context.arc(x, y, radius, 0, 2 * Math.PI);
    brush.stroke(ink, brush.line + more);
    brush.dot(x, y, dot + more, more ? ink : colour);
  }
}

function legend(brush, data) {
  const { size } = brush;
  const shares = floats(data.shares);
  const rows = data.classes
    .map((number, n) => ({ number, name: short(String(data.labels[n])), share: shares.at(n) }))
    .filter(({ share }) => share >= LEAST)
    .map((row) => ({ ...row, told: `${(row.share * 100).toFixed(1)}%` }));
  if (!rows.length) return;
  const step = size * 1.7;
  const inner = Math.max(...rows.map(({ name }) => brush.wide(name, BOLD))) + 4 * size
    + Math.max(...rows.map(({ told }) => brush.wide(told, REGULAR)));
  const height = step * rows.length + size;
  brush.panel(size, brush.top, inner + size, height);
  rows.forEach(({ number, name, told }, n) => {
    const base = brush.top + size / 2 + step * n + step * 0.7;
    brush.dot(2 * size + size / 3, base - size * 0.36, size / 3, colourOf(number));
    brush.write(name, 3 * size, base, LIGHT, BOLD);
    brush.write(told, size * 1.5 + inner - brush.wide(told, REGULAR), base, LIGHT, REGULAR);
  });
  brush.top += height + size / 2;
}
