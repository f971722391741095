// The graph of models, and how each of its nodes is doing: as a drawing, and as a table below it.

import { byId, drawing, element, put } from "./dom.js";
import { rate } from "./words.js";

const WIDE = 168; // pixels of a node
const HIGH = 62;
const ACROSS = 64; // pixels between columns
const DOWN = 18;
const COLUMNS = ["Node", "Kind", "fps", "Queue", "Dropped", "Failed", "ms a frame"];

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

export class Graph {
  constructor() {
    this.nodes = [];
    this.parts = new Map(); // node -> what of its drawing and its row changes
    this.before = null; // the report before, and when it came
  }

  // Draws the graph anew if it is another one. nodes: [{ name, kind, inputs }]
  show(nodes) {
    const inputs = new Set(nodes.flatMap((node) => node.inputs));
    const known = new Set(nodes.map(({ name }) => name));
    const sources = [...inputs].filter((name) => !known.has(name));
    const all = [...sources.map((name) => ({ name, kind: "source", inputs: [] })), ...nodes];
    if (JSON.stringify(all) === JSON.stringify(this.nodes)) return;
    this.nodes = all;
    this.parts.clear();
    this.draw();
    this.tabulate();
    if (this.report) this.update(this.report);
  }

  draw() {
    const rank = ranks(this.nodes);
    const columns = [];
    for (const node of this.nodes) (columns[rank.get(node.name)] ??= []).push(node);
    order(columns);
    const tallest = Math.max(...columns.map((column) => column.length));
    const height = tallest * (HIGH + DOWN) + DOWN;
    const width = columns.length * (WIDE + ACROSS) - ACROSS + 2 * DOWN;
    const at = new Map();
    columns.forEach((column, x) => column.forEach(({ name }, y) => at.set(name, [
      DOWN + x * (WIDE + ACROSS),
      height / 2 + (y - (column.length - 1) / 2) * (HIGH + DOWN) - HIGH / 2,
    ])));
    const links = this.nodes.flatMap(({ name, inputs }) => inputs.map((input) => link(at.get(input), at.get(name))));
    const boxes = this.nodes.map((node) => this.box(node, at.get(node.name)));
    const svg = byId("graph-drawing");
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.style.minWidth = `${width * 0.62}px`;
    svg.style.maxWidth = `${width * 1.15}px`;
    svg.replaceChildren(drawing("g", { class: "links" }, ...links), drawing("g", {}, ...boxes));
  }

  box({ name, kind }, [x, y]) {
    const fps = drawing("text", { x: x + 12, y: y + 48, class: "number" }, "–");
    const drops = drawing("text", { x: x + WIDE - 12, y: y + 48, class: "drops", "text-anchor": "end" });
    const queue = drawing("rect", { x, y: y + HIGH - 3, width: 0, height: 3, class: "queue" });
    const root = drawing("g", { class: "node" },
      drawing("rect", { x, y, width: WIDE, height: HIGH, rx: 10 }),
      drawing("text", { x: x + 12, y: y + 24, class: "title" }, cut(name, 15)),
      drawing("text", { x: x + WIDE - 12, y: y + 24, class: "kind", "text-anchor": "end" }, kind === name ? "" : cut(kind, 10)),
      fps, drops, queue);
    this.parts.set(name, { fps, drops, queue, root });
    return root;
  }

  tabulate() {
    const rows = this.nodes.map(({ name, kind }) => {
      const cells = COLUMNS.slice(2).map(() => element("td", {}, "–"));
      Object.assign(this.parts.get(name), { cells });
      return element("tr", {}, element("th", { scope: "row" }, name), element("td", {}, kind), ...cells);
    });
    byId("graph-table").replaceChildren(
      element("thead", {}, element("tr", {}, ...COLUMNS.map((name) => element("th", { scope: "col" }, name)))),
      element("tbody", {}, ...rows));
  }

  // Takes what /api/status says; rates are over the time since it last said something.
  update(report) {
    const { before } = this;
    this.before = this.report = report;
    const seconds = before && report.seconds > before.seconds ? report.seconds - before.seconds : null;
    for (const { name } of this.nodes) {
      const node = report.nodes?.[name] ?? source(report, name);
      if (node) this.tell(name, node, before?.nodes?.[name] ?? (before && source(before, name)), seconds);
    }
  }

  tell(name, node, earlier, seconds) {
    const { fps, drops, queue, root, cells } = this.parts.get(name);
    const since = (count) => (earlier && seconds ? (count(node) - count(earlier)) / seconds : null);
    const done = since(({ total }) => total.done) ?? node.fps;
    const dropping = since(({ total }) => sum(total.dropped)) ?? 0;
    const failing = since(({ total }) => sum(total.failed)) ?? 0;
    put(fps, `${rate(done)} fps`);
    put(drops, dropping >= 0.05 ? `−${rate(dropping)}/s` : "");
    queue.setAttribute("width", String(Math.min(1, (node.depth ?? 0) / 8) * WIDE));
    root.dataset.state = failing > 0 ? "failing" : dropping > 0.05 ? "dropping" : done > 0 ? "working" : "idle";
    [rate(done), node.depth ?? 0, sum(node.total.dropped), sum(node.total.failed), node.ms?.toFixed(1) ?? "–"]
      .forEach((value, n) => put(cells[n], String(value)));
  }
}

// What the report says of captures, as if they were one node.
function source(report, name) {
  const streams = Object.values(report.streams ?? {});
  if (name !== "capture" || !streams.length) return null;
  const add = (key) => streams.reduce((total, stream) => total + stream[key], 0);
  return { fps: add("fps"), depth: 0, total: { done: add("captured"), dropped: {}, failed: {} } };
}

const sum = (reasons) => (typeof reasons === "number" ? reasons : Object.values(reasons ?? {}).reduce((a, b) => a + b, 0));

// Puts the nodes of each column beside the middle of their inputs, so that few links cross.
function order(columns) {
  const place = new Map();
  for (const column of columns) {
    const middle = ({ inputs }) => {
      const known = inputs.filter((input) => place.has(input));
      return known.length ? known.reduce((total, input) => total + place.get(input), 0) / known.length : 0;
    };
    column.sort((a, b) => middle(a) - middle(b));
    column.forEach(({ name }, n) => place.set(name, n - (column.length - 1) / 2));
  }
}

function link([fromX, fromY], [toX, toY]) {
  const [x1, y1, x2, y2] = [fromX + WIDE, fromY + HIGH / 2, toX, toY + HIGH / 2];
  const bend = Math.max(24, (x2 - x1) / 2);
  return drawing("path", { d: `M${x1} ${y1}C${x1 + bend} ${y1} ${x2 - bend} ${y2} ${x2} ${y2}` });
}

const cut = (text, most) => (text.length <= most ? text : `${text.slice(0, most - 1)}…`);
