// The page: asks what streams there are, shows them, and keeps all that is said about them up to date.

import { listen, poll } from "./api.js";
import { Choices, showFacts } from "./choices.js";
import { attribute, byId, put, tell } from "./dom.js";
import { Graph } from "./graph.js";
import { bind } from "./keys.js";
import { Clock } from "./latency.js";
import { Playback } from "./playback.js";
import { change, follow, settings } from "./settings.js";
import { Space } from "./space.js";
import { Stage } from "./stage.js";
import { Tile } from "./tile.js";
import { Timeline } from "./timeline.js";
import { plural } from "./words.js";

const LOOK_MS = 250; // marks and words
const VIEWER_MS = 3000; // which streams there are
const STATUS_MS = 1000; // how the nodes do

const server = {
  clock: new Clock(),
  about: null, // the latest /api/viewer
  ice: () => server.about?.ice ?? [],
  places: (node) => server.about?.zones?.[node],
};
const graph = new Graph();
const stage = new Stage(byId("streams"), { chosen });
const playback = new Playback({
  moved: (ms) => {
    timeline.cursor = ms;
    timeline.draw();
  },
  places: server.places,
  next: (segment) => timeline.segments.find(({ stream, from }) => stream === segment.stream && from >= segment.to - 1000),
});
const timeline = new Timeline({
  play: (segment, ms) => {
    if (segment) playback.play(segment, ms);
    else if (ms === null) playback.close();
    else tell("Nothing was recorded then");
  },
});
const space = new Space();
const choices = new Choices(() => stage.tiles, () => {
  stage.tiles.forEach((tile) => tile.redraw());
  playback.draw();
});

// Which streams there are.
poll("api/viewer", VIEWER_MS, (about, error, asked) => {
  showServer(error);
  if (!about) return;
  if (typeof about.now === "number") server.clock.note(about.now, asked.sent, asked.got);
  if (error === null && server.away) stage.tiles.forEach((tile) => tile.watch.hurry());
  server.away = false;
  server.about = about;
  const names = new Set(about.streams.map(({ name }) => name));
  stage.tiles.filter(({ name }) => !names.has(name)).forEach((tile) => stage.remove(tile));
  for (const stream of about.streams) {
    const known = stage.tiles.find(({ name }) => name === stream.name);
    if (known) known.about = stream;
    else add(stream);
  }
  byId("none").hidden = about.streams.length > 0;
  graph.show(about.graph?.nodes ?? []);
  if (!opened) openFromAddress();
});

poll("api/status", STATUS_MS, (report) => report && graph.update(report));
listen((event) => timeline.add(event));

function add(stream) {
  const tile = new Tile(stream, server, { chosen: () => stage.choose(stage.focus === tile ? null : tile) });
  tile.listeners.add(({ moment, stream: name }) => moment && stage.focus?.name === name && space.hear(tile, moment));
  stage.add(tile);
  tile.start();
}

function showServer(error) {
  server.away ||= error !== null;
  const refused = error?.status === 401; // a session has ended: loading the page anew asks who it is
  byId("sign-in").hidden = !refused;
  byId("link").dataset.state = error ? "off" : "on";
  put(byId("link-said"), !error ? "connected" : refused ? "not signed in" : "no connection, trying again");
}

// A stream is shown large, or all alike again.
function chosen(tile) {
  byId("back").hidden = !tile;
  timeline.only(tile?.name ?? null);
  history.replaceState(null, "", tile ? `#${encodeURIComponent(tile.name)}` : location.pathname + location.search);
  look();
}

let opened = false;
function openFromAddress() {
  opened = true;
  const name = decodeURIComponent(location.hash.slice(1));
  const tile = stage.tiles.find((each) => each.name === name);
  if (tile) stage.choose(tile);
}

function look() {
  const now = performance.now();
  stage.tiles.forEach((tile) => tile.look(now));
  choices.look(stage.focus);
  showFacts(stage.focus);
  space.look(stage.focus);
  const live = stage.tiles.filter(({ watch }) => watch.state === "live").length;
  put(byId("count"), stage.tiles.length ? `${live} of ${plural(stage.tiles.length, "stream")} live` : "");
}

setInterval(look, LOOK_MS);
setInterval(() => {
  timeline.look();
  if (document.hidden) return;
  for (const { watch } of stage.tiles) if (watch.session) watch.traffic.ask(watch.session.peer).catch(() => {});
}, 1000);

// Panels: one beside the pictures, one of two below them.
const panels = { side: "choices-button", timeline: "timeline-button", graph: "graph-button" };

function toggle(name, open = byId(name).hidden) {
  if (open && name !== "side") ["timeline", "graph"].filter((other) => other !== name).forEach((other) => toggle(other, false));
  byId(name).hidden = !open;
  attribute(byId(panels[name]), "aria-expanded", String(open));
  if (name === "timeline") timeline.show(open);
  if (open && matchMedia("(max-width: 720px)").matches) {
    Object.keys(panels).filter((other) => other !== name).forEach((other) => {
      byId(other).hidden = true;
      attribute(byId(panels[other]), "aria-expanded", "false");
    });
  }
}

for (const [name, button] of Object.entries(panels)) byId(button).addEventListener("click", () => toggle(name));
for (const close of document.querySelectorAll("[data-close]")) {
  close.addEventListener("click", () => {
    toggle(close.dataset.close, false);
    byId(panels[close.dataset.close]).focus();
  });
}
byId("back").addEventListener("click", back);
byId("wall-button").addEventListener("click", wall);
byId("help-button").addEventListener("click", () => byId("help").showModal());
byId("shortcuts").addEventListener("change", ({ target }) => change({ shortcuts: target.checked }));
follow(() => (byId("shortcuts").checked = settings.shortcuts));
toggle("side", matchMedia("(min-width: 1100px)").matches);

function wall() {
  if (document.fullscreenElement) document.exitFullscreen();
  else document.documentElement.requestFullscreen?.();
}

function back() {
  const from = stage.focus;
  if (playback.segment) playback.close();
  else stage.choose(null);
  from?.button.focus({ preventScroll: true });
}

bind({
  Escape: back,
  ArrowLeft: () => stage.step(-1),
  ArrowRight: () => stage.step(1),
  digit: (n) => stage.tiles[n - 1] && stage.choose(stage.tiles[n - 1]),
  f: () => (stage.focus ? stage.focus.full() : wall()),
  o: () => change({ overlays: !settings.overlays }),
  l: () => change({ names: !settings.names }),
  "[": () => change({ opacity: Math.max(0.1, Math.round(settings.opacity * 10 - 1) / 10) }),
  "]": () => change({ opacity: Math.min(1, Math.round(settings.opacity * 10 + 1) / 10) }),
  s: () => toggle("side"),
  t: () => toggle("timeline"),
  g: () => toggle("graph"),
  "?": () => (byId("help").open ? byId("help").close() : byId("help").showModal()),
});

// A browser shows no pictures to a hidden page: what is on the screen then is not known to be new.
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return;
  stage.tiles.forEach((tile) => tile.watch.doubt());
  look();
});
addEventListener("online", () => stage.tiles.forEach((tile) => tile.watch.hurry()));
addEventListener("pagehide", () => stage.tiles.forEach((tile) => tile.stop()));
addEventListener("pageshow", ({ persisted }) => persisted && location.reload());
