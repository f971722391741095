// Areas and lines with their counts. Where they lie comes from the graph's config, not the message.

import { BOLD, REGULAR, clamp, short } from "../brush.js";
import { DARK, LIGHT, colourOf } from "../palette.js";

const VEIL = 0.16; // how much of an area's colour lies over the picture

// places: { areas: { name: [[x, y], ...] }, lines: { name: [[x, y], [x, y]] } } in [0, 1].
// Without a result about this very picture the places are drawn without counts.
export function paintZones(brush, node, said, places) {
  const areas = Object.entries(places?.areas ?? {});
  areas.forEach(([name, polygon], n) => area(brush, name, polygon, colourOf(n), count(said, name)));
  Object.entries(places?.lines ?? {}).forEach(([name, ends], n) =>
    gate(brush, name, ends, colourOf(areas.length + n), crossed(said, name)));
}

const count = (said, name) => {
  const at = said?.data.areas.indexOf(name) ?? -1;
  return at < 0 ? "" : String(said.data.counts[at]);
};

const crossed = (said, name) => {
  const at = said?.data.lines.indexOf(name) ?? -1;
  return at < 0 ? "" : `in ${said.data.in[at]}  out ${said.data.out[at]}`;
};

function area(brush, name, polygon, colour, told) {
  const { context } = brush;
  const at = polygon.map(([x, y]) => [x * brush.width, y * brush.height]);
  context.beginPath();
  at.forEach(([x, y], n) => (n ? context.lineTo(x, y) : context.moveTo(x, y)));
  context.closePath();
  context.fillStyle = colour;
  brush.alpha(VEIL);
  context.fill();
  brush.alpha(1);
  brush.stroke(colour, brush.line);
  const middle = [0, 1].map((axis) => at.reduce((sum, place) => sum + place[axis], 0) / at.length);
  if (brush.names) sign(brush, name, told, middle, colour);
}

function gate(brush, name, ends, colour, told) {
  const { context, line, size } = brush;
  const [a, b] = ends.map(([x, y]) => [x * brush.width, y * brush.height]);
  context.beginPath();
  context.moveTo(...a);
  context.lineTo(...b);
  brush.stroke(DARK, line + 3);
  brush.stroke(colour, line + 1);
  const length = Math.max(1, Math.hypot(b[0] - a[0], b[1] - a[1]));
  const along = [(b[0] - a[0]) / length, (b[1] - a[1]) / length];
  const inward = [-along[1], along[0]];
  const middle = [(a[0] + b[0]) / 2, (a[1] + b[1]) / 2];
  const tip = middle.map((v, axis) => v + inward[axis] * size * 1.6);
  context.beginPath();
  context.moveTo(...middle);
  context.lineTo(...tip);
  for (const side of [-1, 1]) {
    context.moveTo(...tip);
    context.lineTo(...tip.map((v, axis) => v - (inward[axis] - side * along[axis]) * size * 0.6));
  }
  brush.stroke(colour, line + 1);
  if (brush.names) sign(brush, name, told, a.map((v, axis) => v + (b[axis] - v) * 0.2), colour);
}

function sign(brush, name, told, [x, y], colour) {
  const { size } = brush;
  const title = short(name);
  const [first, gap] = [brush.wide(title, REGULAR), told ? size / 2 : 0];
  const [width, height] = [first + gap + brush.wide(told, BOLD) + size, 2 * size];
  const left = clamp(x - width / 2, 0, brush.width - width);
  const top = clamp(y - height / 2, 0, brush.height - height);
  brush.panel(left, top, width, height);
  const base = top + size + size * 0.36;
  brush.write(title, left + size / 2, base, LIGHT, REGULAR);
  brush.write(told, left + size / 2 + first + gap, base, colour, BOLD);
}
