// The outline of a mask as smooth closed curves: marching squares between the middles of its cells.

// By which of a square's corners belong to the mask (1 upper left, 2 upper right, 4 lower right,
// 8 lower left): from which side to which the outline goes, the mask on its right hand. Sides: 0
// upper, 1 right, 2 lower, 3 left. Cells that touch at a corner only are kept apart.
const STEPS = [
  [], [[0, 3]], [[1, 0]], [[1, 3]], [[2, 1]], [[0, 3], [2, 1]], [[2, 0]], [[2, 3]],
  [[3, 2]], [[0, 2]], [[1, 0], [3, 2]], [[1, 2]], [[3, 1]], [[0, 1]], [[3, 0]], [],
];

// Closed loops of points [x, y] in [0, 1] of the grid. mask: { rows, columns, cells }, as
// decodeMask gives it; outside of the grid nothing belongs to the mask.
export function loops({ rows, columns, cells }) {
  const wide = 2 * columns + 3; // places from -1 to columns, in halves, with room
  const next = new Map();
  const cell = (r, c) => (r >= 0 && c >= 0 && r < rows && c < columns ? cells[r * columns + c] : 0);
  for (let r = -1; r < rows; r++) {
    let [upper, lower] = [0, 0];
    for (let c = -1; c < columns; c++) {
      const [right, under] = [cell(r, c + 1), cell(r + 1, c + 1)];
      const corners = upper | (right << 1) | (under << 2) | (lower << 3);
      [upper, lower] = [right, under];
      if (corners === 0 || corners === 15) continue;
      const origin = (2 * r + 2) * wide + 2 * c + 2;
      const side = [origin + 1, origin + wide + 2, origin + 2 * wide + 1, origin + wide];
      for (const [from, to] of STEPS[corners]) next.set(side[from], side[to]);
    }
  }
  const place = (key) => [
    ((key % wide) - 1) / 2 / columns,
    (Math.floor(key / wide) - 1) / 2 / rows,
  ];
  const found = [];
  for (const start of next.keys()) {
    const loop = [];
    for (let at = start; next.has(at); ) {
      const to = next.get(at);
      next.delete(at);
      loop.push(place(at));
      at = to;
    }
    if (loop.length > 2) found.push(loop);
  }
  return found;
}

// A loop without the steps of its grid: each point goes half the way to the middle of its
// neighbours, twice.
function settled(loop) {
  const length = loop.length;
  for (let pass = 0; pass < 2 && length > 8; pass++) {
    loop = loop.map((at, n) => {
      const [a, b] = [loop[(n + length - 1) % length], loop[(n + 1) % length]];
      return [(a[0] + 2 * at[0] + b[0]) / 4, (a[1] + 2 * at[1] + b[1]) / 4];
    });
  }
  return loop;
}

// The loops as one path, with round corners; fill it with "evenodd", so that holes stay open.
export function smooth(found) {
  const path = new Path2D();
  const middle = ([ax, ay], [bx, by]) => [(ax + bx) / 2, (ay + by) / 2];
  for (const loop of found.map(settled)) {
    path.moveTo(...middle(loop[loop.length - 1], loop[0]));
    loop.forEach((at, n) => path.quadraticCurveTo(...at, ...middle(at, loop[(n + 1) % loop.length])));
    path.closePath();
  }
  return path;
}
