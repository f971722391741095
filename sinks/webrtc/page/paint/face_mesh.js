// A face's points, and the lines of its oval, eyes, brows and lips.

import { LIGHT, colourOf } from "../palette.js";
import { floats } from "../wire.js";

export const POINTS = 468;
const VEIL = 0.45; // of the points over the picture

// Numbers of the points along each closed line, and its colour: oval, lips, eyes, brows; from
// MediaPipe's face_mesh_connections.py (Apache-2.0), as in stages/overlay/face_mesh.py.
export const LINES = [
  {
    colour: 0,
    points: [
      10, 338, 297, 332, 284, 251, 389, 356, 454, 323, 361, 288, 397, 365, 379, 378, 400, 377,
      152, 148, 176, 149, 150, 136, 172, 58, 132, 93, 234, 127, 162, 21, 54, 103, 67, 109,
    ],
  },
  {
    colour: 6,
    points: [
      61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185,
    ],
  },
  {
    colour: 6,
    points: [
      78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191,
    ],
  },
  {
    colour: 5,
    points: [
      263, 249, 390, 373, 374, 380, 381, 382, 362, 398, 384, 385, 386, 387, 388, 466,
    ],
  },
  {
    colour: 5,
    points: [
      33, 7, 163, 144, 145, 153, 154, 155, 133, 173, 157, 158, 159, 160, 161, 246,
    ],
  },
  {
    colour: 3,
    points: [
      276, 283, 282, 295, 285, 336, 296, 334, 293, 300,
    ],
  },
  {
    colour: 3,
    points: [
      46, 53, 52, 65, 55, 107, 66, 105, 63, 70,
    ],
  },
];

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
