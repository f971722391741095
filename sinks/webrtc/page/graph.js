// The graph of models, and how each of its nodes is doing: as a drawing, and as a table below it.

import { byId, drawing, element, put } from "./dom.js";
import { NODE, layout } from "./layout.js";
import { rate } from "./words.js";

const { wide: WIDE, high: HIGH } = NODE;
const LEFT_OUT = new Set(["fps", "every", "when", "upstream"]); // as in pipeline/ledger.py
const COLUMNS = ["Node", "Kind", "fps", "Queue", "Dropped", "Failed", "ms a frame"];

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
    const { width, height, at, links } = layout(this.nodes);
    const lines = links.map(([, , d]) => drawing("path", { d }));
    const boxes = this.nodes.map((node) => this.box(node, at.get(node.name)));
    const svg = byId("graph-drawing");
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    svg.style.minWidth = `${width * 0.62}px`;
    svg.style.maxWidth = `${width * 1.15}px`;
    svg.replaceChildren(drawing("g", { class: "links" }, ...lines), drawing("g", {}, ...boxes));
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
    this.body = element("tbody");
    byId("graph-table").replaceChildren(
      element("thead", {}, element("tr", {}, ...COLUMNS.map((name) => element("th", { scope: "col" }, name)))),
      this.body);
    for (const { name, kind } of this.nodes) this.list(name, kind);
  }

  // Adds a row to the table. Sinks stand in it only: where their frames come from is not told.
  list(name, kind) {
    if (!this.body) return;
    const cells = COLUMNS.slice(2).map(() => element("td", {}, "–"));
    this.parts.set(name, { ...this.parts.get(name), cells });
    this.body.append(element("tr", {}, element("th", { scope: "row" }, name), element("td", {}, kind), ...cells));
  }

  // Takes what /api/status says; rates are over the time since it last said something.
  update(report) {
    for (const name of Object.keys(report.nodes ?? {})) if (!this.parts.has(name)) this.list(name, "sink");
    const { before } = this;
    this.before = this.report = report;
    const seconds = before && report.seconds > before.seconds ? report.seconds - before.seconds : null;
    for (const name of this.parts.keys()) {
      const node = report.nodes?.[name] ?? source(report, name);
      if (node) this.tell(name, node, before?.nodes?.[name] ?? (before && source(before, name)), seconds);
    }
  }

  tell(name, node, earlier, seconds) {
    const { fps, drops, queue, root, cells } = this.parts.get(name);
    const since = (count) => (earlier && seconds ? (count(node) - count(earlier)) / seconds : null);
    const done = since(({ total }) => total.done) ?? node.fps;
    const dropping = since(({ total }) => lost(total.dropped)) ?? 0;
    const failing = since(({ total }) => sum(total.failed)) ?? 0;
    if (root) {
      put(fps, `${rate(done)} fps`);
      put(drops, dropping >= 0.05 ? `−${rate(dropping)}/s` : "");
      queue.setAttribute("width", String(Math.min(1, (node.depth ?? 0) / 8) * WIDE));
      root.dataset.state = failing > 0 ? "failing" : dropping > 0.05 ? "dropping" : done > 0 ? "working" : "idle";
    }
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

// How many were dropped that the node was to have: of the others the config says that it is not.
export const lost = (dropped) =>
  Object.entries(dropped).reduce((total, [reason, count]) => (LEFT_OUT.has(reason) ? total : total + count), 0);

const sum = (reasons) => (typeof reasons === "number" ? reasons : Object.values(reasons ?? {}).reduce((a, b) => a + b, 0));

const cut = (text, most) => (text.length <= most ? text : `${text.slice(0, most - 1)}…`);
