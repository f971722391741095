// Beside each thing that was given a shape: how many points that has.

import { REGULAR, clamp } from "../brush.js";
import { LIGHT } from "../palette.js";
import { floats } from "../wire.js";

export function paintMesh3d(brush, node, { data }) {
  if (!brush.names) return;
  const { size } = brush;
  const boxes = floats(data.boxes);
  const [pad, height] = [size * 0.45, size * 1.55];
  data.vertices.forEach((vertices, n) => {
    const box = boxes.at(n).values;
    if (!box.every(Number.isFinite)) return;
    const text = `3D  ${vertices.toLocaleString("en")} points`;
    const width = brush.wide(text, REGULAR) + 2 * pad;
    const left = clamp(clamp(box[0], -1, 2) * brush.width, 0, brush.width - width);
    const top = clamp(clamp(box[3], -1, 2) * brush.height + brush.line, 0, brush.height - height);
    brush.panel(left, top, width, height);
    brush.write(text, left + pad, top + height / 2 + size * 0.36, LIGHT, REGULAR);
  });
}
