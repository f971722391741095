// A face's points, and the lines of its oval, eyes, brows and lips.

import { LIGHT, colourOf } from "../palette.js";
import { floats } from "../wire.js";

export const POINTS = 468;
const VEIL = 0.45; // of the points over the picture

// Numbers of the points along each closed line, and its colour: oval, lips, eyes, brows; from
// MediaPipe's face_mesh_connections.py (Apache-2.0), as in stages/overlay/face_mesh.py.

export function paintFaceMesh(brush, node, { data }) {
  const faces = floats(data.points);
  for (let n = 0; n < faces.length; n++) face(brush, faces.at(n));
}

function face(brush, points) {
  const at = Array.from({ length: points.length }, (_, n) => {
    const [x, y] = points.at(n).values;
    return [x * brush.width, y * brush.height];
  });
  if (!at.flat().every(Number.isFinite)) return;
  const { context } = brush;
  const thin = Math.max(0.8, brush.line / 2);
  brush.alpha(VEIL);
  context.fillStyle = LIGHT;
  for (const [x, y] of at) context.fillRect(x - thin / 2, y - thin / 2, thin, thin);
  brush.alpha(1);
  if (at.length !== POINTS) return;
  for (const { points: numbers, colour } of LINES) {
    context.beginPath();
    numbers.forEach((number, n) => (n ? context.lineTo(...at[number]) : context.moveTo(...at[number])));
    context.closePath();
    brush.stroke(colourOf(colour), thin);
  }
}
