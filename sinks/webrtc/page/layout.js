// Where the nodes of a graph stand and how the links between them run: columns by rank, long links
// led past the nodes between.

const WIDE = 168; // pixels of a node
const HIGH = 62;
const ACROSS = 64; // pixels between columns
const DOWN = 18; // and between nodes
const THIN = 8; // pixels that a link takes on its way past a column
const ROUNDS = 4; // of putting each node near its neighbours

// How far each node is from the sources: the longest way to it, in links.
export function ranks(nodes) {
  const byName = new Map(nodes.map((node) => [node.name, node]));
  const found = new Map();
  const rank = (name, above) => {
    if (found.has(name)) return found.get(name);
    if (above.has(name)) return 0; // a circle: a graph has none, but a page must not hang
    const inputs = (byName.get(name)?.inputs ?? []).filter((input) => byName.has(input));
    const own = Math.max(-1, ...inputs.map((input) => rank(input, new Set([...above, name])))) + 1;
    found.set(name, own);
    return own;
  };
  for (const { name } of nodes) rank(name, new Set());
  return found;
}

// Places and links of some nodes [{ name, inputs }], in pixels:
// { width, height, at: Map(name -> [x, y] of its upper left corner), links: [[from, to, path]] }
export function layout(nodes) {
  const rank = ranks(nodes);
  const columns = [];
  const cells = new Map();
  const cell = (name, column, high) => {
    const made = { name, high, before: [], after: [], y: 0 };
    (columns[column] ??= []).push(made);
    cells.set(name, made);
    return made;
  };
  for (const { name } of nodes) cell(name, rank.get(name), HIGH);
  const ways = [];
  for (const { name, inputs } of nodes) {
    for (const input of inputs) {
      if (!cells.has(input)) continue;
      const way = [cells.get(input)];
      for (let column = rank.get(input) + 1; column < rank.get(name); column++) {
        way.push(cell(`${input} > ${name} ${column}`, column, THIN));
      }
      way.push(cells.get(name));
      for (let n = 1; n < way.length; n++) {
        way[n].before.push(way[n - 1]);
        way[n - 1].after.push(way[n]);
      }
      ways.push({ from: input, to: name, way });
    }
  }
  const height = settle(columns);
  const x = (column) => DOWN + column * (WIDE + ACROSS);
  const at = new Map(nodes.map(({ name }) => [name, [x(rank.get(name)), cells.get(name).y - HIGH / 2]]));
  const links = ways.map(({ from, to, way }) => [from, to, path(way.map(({ y }, n) => [x(rank.get(from) + n), y]))]);
  return { width: x(columns.length - 1) + WIDE + DOWN, height, at, links };
}

// Gives each cell the middle of its height; puts it near its neighbours, so that few links cross.
function settle(columns) {
  const tall = (column) => column.reduce((total, { high }) => total + high + DOWN, -DOWN);
  const height = Math.max(...columns.map(tall)) + 2 * DOWN;
  const stack = (column) => {
    let y = (height - tall(column)) / 2;
    for (const each of column) {
      each.y = y + each.high / 2;
      y += each.high + DOWN;
    }
  };
  columns.forEach(stack);
  const mean = (others, own) => (others.length ? others.reduce((total, { y }) => total + y, 0) / others.length : own);
  for (let round = 0; round < ROUNDS; round++) {
    const side = round % 2 ? "after" : "before";
    for (const column of round % 2 ? [...columns].reverse() : columns) {
      const wanted = new Map(column.map((each) => [each, mean(each[side], each.y)]));
      column.sort((a, b) => wanted.get(a) - wanted.get(b));
      stack(column);
    }
  }
  return height;
}

// A curve from the right of a node to the left of another, level where it passes a column.
function path(points) {
  let [x, y] = [points[0][0] + WIDE, points[0][1]];
  let drawn = `M${x} ${y}`;
  points.slice(1).forEach(([nextX, nextY], n) => {
    const half = (nextX - x) / 2;
    drawn += `C${x + half} ${y} ${nextX - half} ${nextY} ${nextX} ${nextY}`;
    const last = n === points.length - 2;
    if (!last) drawn += `H${nextX + WIDE}`;
    [x, y] = [nextX + WIDE, nextY];
  });
  return drawn;
}

export const NODE = { wide: WIDE, high: HIGH };
