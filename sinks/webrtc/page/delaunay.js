// Triangles between points in a plane: Bowyer and Watson's way, which is quick enough for hundreds.

// points: [x, y, z, x, y, z, ...], of which z is left aside. Gives numbers of points, three for each
// triangle, anticlockwise where y goes up.
export function triangulate(points) {
  const count = points.length / 3;
  const at = (n) => (n < count ? [points[3 * n], points[3 * n + 1]] : FAR[n - count]);
  let triangles = [circled([count, count + 1, count + 2], at)];
  for (let n = 0; n < count; n++) {
    const [x, y] = at(n);
    const edges = new Map();
    triangles = triangles.filter((triangle) => {
      if ((triangle.x - x) ** 2 + (triangle.y - y) ** 2 > triangle.square) return true;
      const [a, b, c] = triangle.corners;
      // An edge between two triangles that go is gone; the others border on the new point.
      for (const [from, to] of [[a, b], [b, c], [c, a]]) {
        if (!edges.delete(`${to} ${from}`)) edges.set(`${from} ${to}`, [from, to]);
      }
      return false;
    });
    for (const [from, to] of edges.values()) {
      const made = circled([from, to, n], at);
      if (made) triangles.push(made);
    }
  }
  return triangles.filter(({ corners }) => corners.every((n) => n < count)).flatMap(({ corners }) => corners);
}

const FAR = [[-1e3, -1e3], [1e3, -1e3], [0, 1e3]]; // a triangle around everything, for the beginning

// A triangle with the middle of the circle through its corners; null where they lie on one line.
function circled(corners, at) {
  const [[ax, ay], [bx, by], [cx, cy]] = corners.map(at);
  const twice = 2 * (ax * (by - cy) + bx * (cy - ay) + cx * (ay - by));
  if (Math.abs(twice) < 1e-12) return null;
  const [a, b, c] = [ax * ax + ay * ay, bx * bx + by * by, cx * cx + cy * cy];
  const x = (a * (by - cy) + b * (cy - ay) + c * (ay - by)) / twice;
  const y = (a * (cx - bx) + b * (ax - cx) + c * (bx - ax)) / twice;
  return { corners, x, y, square: (ax - x) ** 2 + (ay - y) ** 2 };
}
