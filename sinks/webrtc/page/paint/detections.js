// Boxes with marked corners, masks, key points, and name tags above them; the surest on top.

import { BOLD, REGULAR, clamp, percent, short } from "../brush.js";
import { outline } from "../masks.js";
import { DARK, colourOf, inkOn } from "../palette.js";
import { floats } from "../wire.js";

const TINT = 0.35; // of the colour over what a mask covers
const FEW = 40; // points that are drawn large

export function paintDetections(brush, node, { data }) {
  const boxes = floats(data.boxes);
  const scores = floats(data.scores);
  const points = data.points && floats(data.points);
  const things = [];
  for (let n = 0; n < boxes.length; n++) {
    const box = Array.from(boxes.at(n).values, (v, side) =>
      clamp(v, -1, 2) * (side % 2 ? brush.height : brush.width));
    if (box.length !== 4 || !box.every(Number.isFinite)) continue;
    // The colour of its track stays when its class does not.
    const colour = colourOf((data.tracks ?? data.classes)[n]);
    things.push({ n, box, colour, score: scores.at(n) });
  }
  things.sort((a, b) => a.score - b.score);
  if (data.masks) for (const { n, box, colour } of things) brush.mask(outline(data.masks[n]), box, colour, TINT);
  for (const { box, colour } of things) drawBox(brush, box, colour);
  if (points) for (const { n, colour } of things) drawPoints(brush, points.at(n), colour);
  if (!brush.names) return;
  for (const { n, box, colour, score } of things) {
    const name = short(String(data.labels[n]));
    const distance = data.distances && floats(data.distances).at(n);
    tag(brush, box, data.tracks ? `${name} #${data.tracks[n]}` : name, distance?.toFixed(2) ?? percent(score), colour);
  }
}

function drawBox(brush, [x1, y1, x2, y2], colour) {
  const { context, line } = brush;
  context.lineJoin = "round";
  context.beginPath();
  context.rect(x1, y1, x2 - x1, y2 - y1);
  brush.stroke(DARK, line + 2);
  brush.stroke(colour, line);
  const reach = Math.max(0, Math.min(x2 - x1, y2 - y1, 12 * brush.size) / 5);
  context.beginPath();
  for (const [x, y, right, down] of [[x1, y1, 1, 1], [x2, y1, -1, 1], [x1, y2, 1, -1], [x2, y2, -1, -1]]) {
    context.moveTo(x + right * reach, y);
    context.lineTo(x, y);
    context.lineTo(x, y + down * reach);
  }
  brush.stroke(colour, line * 2 + 1);
}

function drawPoints(brush, points, colour) {
  const few = points.length <= FEW;
  const radius = few ? brush.line + 1 : Math.max(0.8, brush.line - 0.7);
  for (let n = 0; n < points.length; n++) {
    const [x, y] = points.at(n).values;
    if (!Number.isFinite(x) || !Number.isFinite(y)) continue;
    const at = [clamp(x, -1, 2) * brush.width, clamp(y, -1, 2) * brush.height];
    if (few) brush.dot(...at, radius + 0.8, DARK);
    brush.dot(...at, radius, colour);
  }
}

function tag(brush, box, name, share, colour) {
  const { size, line } = brush;
  const pad = size * 0.45;
  const [first, gap] = [brush.wide(name, BOLD), size * 0.4];
  const width = first + gap + brush.wide(share, REGULAR) + 2 * pad;
  const height = size * 1.55;
  const left = clamp(box[0] - line, 0, brush.width - width);
  const above = box[1] - height - line;
  const top = clamp(above >= 0 ? above : box[1] + line, 0, brush.height - height);
  brush.rounded(left, top, width, height, size / 3, colour);
  const [ink, base] = [inkOn(colour), top + height / 2 + size * 0.36];
  brush.write(name, left + pad, base, ink, BOLD);
  brush.write(share, left + pad + first + gap, base, ink, REGULAR);
}
