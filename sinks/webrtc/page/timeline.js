// What happened and what was recorded, along time: to look over, to scrub, to play.

import { read } from "./api.js";
import { attribute, byId, element, put } from "./dom.js";
import { clock, hour } from "./words.js";

const SPANS = { 15: 15 * 60e3, 60: 3600e3, 360: 6 * 3600e3, 1440: 24 * 3600e3 }; // by minutes
const MOST = 1000; // events that are remembered
const LISTED = 60; // events that are listed
const EVERY_MS = 15000; // recordings are asked for so often while the timeline is open
const TONES = { lost: "bad", failed: "bad", refused: "bad", removed: "bad", degraded: "warn" };
const SCRUB_MS = 150; // between pictures while the pointer moves
const TICK = 52; // pixels for a time of day
const STEPS = [1, 2, 5, 10, 15, 30, 60, 120, 180, 240, 360].map((minutes) => minutes * 60e3);
const LANES_REM = 1.5; // of the bars, one below the other for each stream
const STEP = 1 / 60; // of the span: what an arrow key moves

export class Timeline {
  // play(segment, ms): shows a recording from a moment on
  constructor({ play }) {
    this.play = play;
    this.span = SPANS[60];
    this.events = [];
    this.segments = [];
    this.stream = null; // only this one's, or all
    this.open = false;
    this.recorder = true; // whether anybody records, as far as is known
    this.cursor = null; // the moment that is pointed at or played; null is now
    this.scrubbed = 0; // when the picture last followed the pointer
    this.track = byId("track");
    byId("span").addEventListener("change", ({ target }) => {
      this.span = SPANS[target.value];
      this.draw();
      this.ask();
    });
    this.track.addEventListener("pointerdown", (event) => this.scrub(event));
    this.track.addEventListener("pointermove", (event) => event.buttons && this.scrub(event));
    this.track.addEventListener("pointerup", () => this.go());
    this.track.addEventListener("keydown", (event) => this.key(event));
    setInterval(() => this.open && !document.hidden && this.ask(), EVERY_MS);
  }

  get end() {
    return Date.now();
  }

  show(open) {
    this.open = open;
    if (open) {
      this.draw();
      this.ask();
    }
  }

  only(stream) {
    this.stream = stream;
    this.draw();
  }

  add(event) {
    this.events.push({ ...event, ms: Date.parse(event.at) });
    if (this.events.length > MOST) this.events.shift();
    this.stale = true;
  }

  async ask() {
    if (!this.recorder) return;
    const after = new Date(this.end - this.span).toISOString();
    try {
      const { segments } = await read(`api/recordings?after=${encodeURIComponent(after)}`);
      this.segments = segments.map((segment) => ({ ...segment, from: Date.parse(segment.start), to: segment.end ? Date.parse(segment.end) : Date.now() }));
    } catch (error) {
      this.segments = [];
      if (error.status === 404) this.recorder = false; // nobody records here
      else console.warn("recordings:", error.message);
    }
    this.draw();
  }

  // Once a second: time goes on.
  look() {
    if (this.open && (this.stale || this.cursor === null)) this.draw();
  }

  draw() {
    if (!this.open) return;
    this.stale = false;
    const [end, span] = [this.end, this.span];
    const mine = ({ about, stream }) => !this.stream || this.stream === (stream ?? about);
    const at = (ms) => `${(100 * (ms - end + span)) / span}%`;
    const recorded = this.segments.filter((segment) => mine(segment) && segment.to > end - span);
    const lanes = [...new Set(recorded.map(({ stream }) => stream))].sort();
    const strip = (name, stream, from, to) => {
      const bar = element("i", { class: name, title: stream });
      bar.style.height = `${LANES_REM / lanes.length - 0.1}rem`;
      bar.style.top = `${0.3 + (LANES_REM / lanes.length) * lanes.indexOf(stream)}rem`;
      bar.style.left = at(Math.max(from, end - span));
      bar.style.width = `${(100 * (Math.min(to, end) - Math.max(from, end - span))) / span}%`;
      return bar;
    };
    // What was recorded, and in it the times for which it was: a condition of the recorder held.
    const bars = recorded.flatMap(({ stream, from, to, events = [] }) => [
      strip("bar", stream, from, to),
      ...events.map((event) => strip("bar marked", stream, Date.parse(event.start), Date.parse(event.end))),
    ]);
    const shown = this.events.filter((event) => mine(event) && event.ms > end - span);
    const marks = shown.map((event) => {
      const title = `${clock(event.ms)} ${event.name}, ${event.about}`;
      const mark = element("i", { class: "event", "data-tone": tone(event), title });
      mark.style.left = at(event.ms);
      return mark;
    });
    byId("bars").replaceChildren(...bars);
    byId("marks").replaceChildren(...marks);
    byId("ticks").replaceChildren(...ticks(end, span, at, this.track.clientWidth / TICK));
    this.point(at);
    this.list(shown);
    put(byId("timeline-scope"), this.stream ?? "all streams");
    byId("no-recordings").hidden = bars.length > 0;
  }

  point(at) {
    const moment = this.cursor ?? this.end;
    byId("cursor").style.left = at(moment);
    byId("cursor").dataset.live = String(this.cursor === null);
    put(byId("cursor-said"), this.cursor === null ? "now" : clock(moment));
    attribute(this.track, "aria-valuenow", String(Math.round(moment / 1000)));
    attribute(this.track, "aria-valuemin", String(Math.round((this.end - this.span) / 1000)));
    attribute(this.track, "aria-valuemax", String(Math.round(this.end / 1000)));
    attribute(this.track, "aria-valuetext", this.cursor === null ? "now, live" : `${clock(moment)}, ${this.at(moment) ? "recorded" : "not recorded"}`);
  }

  list(events) {
    const newest = events.slice(-LISTED).reverse();
    const key = newest.map(({ at, name }) => at + name).join();
    if (key === this.listed) return;
    this.listed = key;
    byId("events").replaceChildren(...newest.map((event) => {
      const words = element("button", { type: "button", class: "row", "data-tone": tone(event), onclick: () => this.jump(event.ms) },
        element("time", { datetime: event.at }, clock(event.ms)),
        element("b", {}, event.name), element("span", {}, event.about),
        element("span", { class: "soft grow" }, detail(event)));
      return element("li", {}, words);
    }));
    byId("no-events").hidden = newest.length > 0;
  }

  // The recording in which a moment lies, of the chosen stream or of any.
  at(ms) {
    return this.segments.find((segment) =>
      (!this.stream || segment.stream === this.stream) && segment.from <= ms && ms < segment.to);
  }

  scrub(event) {
    const box = this.track.getBoundingClientRect();
    const share = (event.clientX - box.left) / box.width;
    this.track.setPointerCapture?.(event.pointerId);
    this.move(this.end - this.span * (1 - share));
    const now = performance.now();
    if (now - this.scrubbed < SCRUB_MS || !this.at(this.cursor)) return;
    this.scrubbed = now;
    this.go();
  }

  move(ms) {
    this.cursor = ms >= this.end - this.span / 500 ? null : Math.max(ms, this.end - this.span);
    this.draw();
  }

  key(event) {
    const steps = { ArrowLeft: -1, ArrowRight: 1, PageUp: 10, PageDown: -10 };
    if (event.key in steps) this.move((this.cursor ?? this.end) + steps[event.key] * this.span * STEP);
    else if (event.key === "Home") this.move(this.end - this.span);
    else if (event.key === "End") this.move(this.end);
    else if (event.key === "Enter" || event.key === " ") this.go();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  jump(ms) {
    this.move(ms);
    this.go();
  }

  // Plays what the cursor points at, or goes back to live.
  go() {
    this.play(this.cursor === null ? null : this.at(this.cursor) ?? null, this.cursor);
  }
}

const tone = ({ name }) => TONES[name.split(".").pop()] ?? "plain";

const detail = (event) =>
  Object.entries(event.detail ?? {}).filter(([, value]) => value !== null && value !== "")
    .map(([key, value]) => `${key.replaceAll("_", " ")} ${value}`).join(", ");

// Whole minutes or hours, at most so many of them.
function ticks(end, span, at, most) {
  const step = STEPS.find((ms) => span / ms <= most) ?? STEPS[STEPS.length - 1];
  const found = [];
  for (let ms = Math.ceil((end - span * 0.98) / step) * step; ms < end - span / 40; ms += step) {
    const tick = element("i", {}, hour(ms));
    tick.style.left = at(ms);
    found.push(tick);
  }
  return found;
}
