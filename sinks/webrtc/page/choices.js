// What is drawn over the pictures: a switch for each node, and how strongly, how much, how soon.

import { attribute, byId, element, put } from "./dom.js";
import { LASTING } from "./paint/index.js";
import { change, follow, settings } from "./settings.js";
import { milliseconds } from "./words.js";

const KINDS = { detections: "boxes", segmentation: "areas", face_mesh: "mesh", mesh3d: "shape", veil: "hidden" };
const SWITCHES = { overlays: "overlays", names: "names", older: "older" };

export class Choices {
  // tiles(): those on the page; changed(): something must be drawn anew
  constructor(tiles, changed) {
    this.tiles = tiles;
    this.rows = new Map(); // node -> its row
    this.list = byId("nodes");
    for (const [id, key] of Object.entries(SWITCHES)) {
      byId(id).addEventListener("change", ({ target }) => change({ [key]: target.checked }));
    }
    byId("opacity").addEventListener("input", ({ target }) => change({ opacity: target.value / 100 }));
    for (const way of document.getElementsByName("timing")) {
      way.addEventListener("change", () => change({ timing: way.value }));
    }
    follow(() => {
      this.show();
      changed();
    });
  }

  show() {
    for (const [id, key] of Object.entries(SWITCHES)) byId(id).checked = settings[key];
    byId("opacity").value = Math.round(settings.opacity * 100);
    put(byId("opacity-said"), `${Math.round(settings.opacity * 100)} %`);
    for (const way of document.getElementsByName("timing")) way.checked = way.value === settings.timing;
    document.documentElement.style.setProperty("--overlay", String(settings.opacity));
    for (const [node, { box }] of this.rows) box.checked = !settings.off[node];
  }

  // Brings the rows up to date with what has been heard. focus: the tile shown large, or null
  look(focus) {
    const tiles = focus ? [focus] : this.tiles();
    const nodes = new Set(tiles.flatMap(({ about }) => about.nodes));
    for (const node of nodes) if (!this.rows.has(node)) this.add(node);
    for (const [node, row] of this.rows) {
      row.root.hidden = !nodes.has(node);
      if (!row.root.hidden) put(row.said, status(node, tiles));
    }
    byId("no-nodes").hidden = nodes.size > 0;
  }

  add(node) {
    const box = element("input", { type: "checkbox", role: "switch", onchange: () =>
      change({ off: { ...settings.off, [node]: !box.checked } }) });
    box.checked = !settings.off[node];
    const said = element("span", { class: "soft grow" });
    const root = element("li", {}, element("label", { class: "row" }, element("span", { class: "node-name" }, node), said, box));
    this.rows.set(node, { root, box, said });
    this.list.append(root);
  }
}

// What a node says, and whether it says it in time.
function status(node, tiles) {
  const heard = tiles.filter(({ watch }) => watch.moments.newest.has(node));
  if (!heard.length) return "silent";
  const { watch } = heard[0];
  const { kind: named } = watch.moments.newest.get(node);
  const kind = KINDS[named] ?? named;
  const lag = watch.pace.lag(node);
  if (LASTING.has(named) || lag === null) return kind;
  if (watch.pace.coverage(node) < 0.3) return `${kind}, rare`;
  return lag > 10 ? `${kind} +${milliseconds(lag)}` : kind;
}

// What a viewer should know of the picture that is drawn on; null where it is the very one.
function drawnOn(rtp, sure) {
  if (rtp === undefined) return "nothing: this browser does not tell which picture it shows";
  return sure ? null : "the picture that this browser names; rarely it shows the next one already";
}

// Facts about the stream that is shown large.
export function showFacts(tile) {
  const facts = byId("facts");
  byId("about-stream").hidden = !tile;
  if (!tile) return;
  put(byId("about-name"), tile.name);
  const { watch, about, server, way } = tile;
  const { latest } = watch.traffic;
  const [half, most] = [watch.delays.at(0.5), watch.delays.at(0.95)];
  const { best } = server.clock;
  const rows = {
    "Camera to eye": half === null ? "not known yet" : `${milliseconds(half)}, 95 % below ${milliseconds(most)}`,
    "Clocks agree to": best ? `± ${milliseconds(Math.max(1, best.trip / 2))}` : null,
    "Waits for results": watch.waits ? milliseconds(watch.waits) : "no",
    "Drawn on": watch.picture && drawnOn(watch.picture.rtp, tile.overlay.sure),
    Picture: `${tile.video.videoWidth || about.size?.[0] || "?"} × ${tile.video.videoHeight || about.size?.[1] || "?"}, ${latest?.codec || about.codec || ""}`,
    Sent: latest ? `${(latest.bitsPerSecond / 1e6).toFixed(2)} Mbit/s, ${latest.fps.toFixed(1)} fps` : null,
    "Lost, dropped": latest ? `${latest.lost} packets, ${latest.dropped} pictures` : null,
    Way: way.said,
    Because: way.why || null,
  };
  for (const [name, value] of Object.entries(rows)) {
    let row = facts.querySelector(`[data-fact="${name}"]`);
    if (!row) {
      row = element("div", { "data-fact": name }, element("dt", {}, name), element("dd"));
      facts.append(row);
    }
    attribute(row, "hidden", value === null ? "" : null);
    put(row.lastChild, value ?? "");
  }
}
