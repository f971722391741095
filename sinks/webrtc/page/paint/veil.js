// Where something is hidden: its edge only, since the picture comes with it hidden already.

import { LIGHT } from "../palette.js";
import { floats } from "../wire.js";

export function paintVeil(brush, node, { data }) {
  const boxes = data.whole ? [[0, 0, 1, 1]] : Array.from({ length: floats(data.boxes).length },
    (_, n) => floats(data.boxes).at(n).values);
  const { context } = brush;
  context.setLineDash([brush.size / 2, brush.size / 2]);
  context.beginPath();
  for (const [x1, y1, x2, y2] of boxes) {
    context.rect(x1 * brush.width, y1 * brush.height, (x2 - x1) * brush.width, (y2 - y1) * brush.height);
  }
  brush.alpha(0.7);
  brush.stroke(LIGHT, brush.line / 2);
  brush.alpha(1);
  context.setLineDash([]);
}
