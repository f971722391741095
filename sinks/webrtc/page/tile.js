// One stream on the page: its picture, what is drawn over it, and whether it is live.

import { attribute, element, icon, iconButton, put, tell } from "./dom.js";
import { Overlay } from "./overlay.js";
import { LASTING } from "./paint/index.js";
import { settings } from "./settings.js";
import { Watch } from "./watch.js";
import { ago, bits, milliseconds, rate } from "./words.js";

const WORDS = {
  connecting: "connecting",
  waiting: "waiting",
  live: "live",
  stale: "frozen",
  lost: "no connection",
  refused: "refused",
  resting: "paused",
};
const UNSEEN_MS = 10000; // out of sight, and a stream is let go of
const QUIET = new Set(["connecting", "waiting", "resting"]); // states that are not said aloud

export class Tile {
  // about: what /api/viewer says of the stream; server: { clock, ice(), places(node) }
  constructor(about, server, { chosen }) {
    this.about = about;
    this.name = about.name;
    this.build(chosen);
    this.overlay = new Overlay(this.canvas, this.picture, this.video, (node) => this.nodes.has(node) && server.places(node));
    this.watch = new Watch(this.name, this.video, server.clock, {
      shown: (rtp) => this.shown(rtp),
      spoken: (moment) => this.spoken(moment),
    });
    this.server = server;
    this.listeners = new Set(); // who is told of each picture that is drawn
    this.taken = null; // the RTP timestamp of the picture that is drawn on
    this.told = null; // the state that was last said aloud
    this.seen = true; // whether the tile is in sight
    this.unseen = null; // since when it or the page is not
    this.running = null;
  }

  build(chosen) {
    const heading = `name-${this.name}`;
    this.video = element("video", { playsinline: true, autoplay: true, "aria-label": `Live picture of ${this.name}` });
    this.video.muted = true;
    this.video.disablePictureInPicture = true;
    this.canvas = element("canvas", { class: "overlay", "aria-hidden": "true" });
    this.picture = element("canvas", { class: "picture", "aria-hidden": "true", hidden: true });
    this.mark = element("p", { class: "mark" });
    this.view = element("div", { class: "view", onclick: chosen, ondblclick: () => this.full() }, this.video, this.picture, this.canvas, this.mark);
    this.button = element("button", { type: "button", class: "name", onclick: chosen }, this.name);
    this.stateText = element("span", { class: "state" });
    this.facts = ["delay", "bits", "fps"].map((name) => element("span", { class: `fact ${name}` }));
    this.path = element("span", { class: "path" });
    this.caption = element("p", { class: "unseen" });
    this.root = element("article", { class: "tile", "aria-labelledby": heading, "data-state": "connecting" },
      this.view,
      element("footer", {},
        element("h2", { id: heading }, this.button), this.stateText, ...this.facts, this.path,
        iconButton("i-full", `Show ${this.name} on the full screen`, () => this.full())),
      this.caption);
    new ResizeObserver(() => this.redraw()).observe(this.view);
    this.video.addEventListener("resize", () => this.redraw());
    new IntersectionObserver((entries) => {
      const seen = entries[entries.length - 1].isIntersecting;
      if (seen && !this.seen) this.watch.doubt();
      this.seen = seen;
      this.look(performance.now());
    }).observe(this.view);
  }

  get nodes() {
    return new Set(this.about.nodes);
  }

  // The nodes whose words are drawn: those that somebody has not switched off.
  get visible() {
    return this.about.nodes.filter((node) => !settings.off[node]);
  }

  // How the video comes, and why: as the server says of the stream, unless it makes VP8 of it for us.
  get way() {
    const { path, encoder, why } = this.about;
    if (this.watch.traffic.latest?.codec === "VP8") {
      return { direct: false, said: "encoded as VP8, once for all who take no H.264", why: "this browser takes no H.264" };
    }
    if (path === "passthrough") return { direct: true, said: "as the camera coded it", why };
    return { direct: false, said: `encoded once${encoder ? ` by ${encoder}` : ""}, for all`, why };
  }

  start() {
    this.running ??= this.watch.run(this.server.ice);
  }

  stop() {
    this.watch.stop();
  }

  full() {
    if (document.fullscreenElement) document.exitFullscreen();
    else if (this.root.requestFullscreen) this.root.requestFullscreen();
    else this.video.webkitEnterFullscreen?.(); // iPhones show videos only
  }

  shown(rtp) {
    const taken = rtp === undefined ? null : this.overlay.take(rtp);
    if (taken === null) return; // which picture it is must be known
    this.taken = taken;
    if (this.root.dataset.state !== "live") this.look(performance.now());
    this.overlay.draw(taken, this.visible, this.watch.moments);
    this.announce();
  }

  // A late word about the picture that is still on the screen is drawn at once. A sentence is read
  // out whenever it comes.
  spoken(moment) {
    for (const [node, { kind, data }] of moment.said) {
      if (kind === "caption" && data.text && !settings.off[node]) put(this.caption, data.text);
    }
    if (moment.rtp !== this.taken || this.pending) return;
    this.pending = requestAnimationFrame(() => {
      this.pending = null;
      this.redraw();
      if (this.watch.state === "live") this.announce();
    });
  }

  announce() {
    const [rtp, moment] = [this.taken, this.watch.moments.of(this.taken)];
    const detail = { stream: this.name, rtp, moment, drawn: this.overlay.drawn };
    for (const listener of this.listeners) listener(detail);
    this.root.dispatchEvent(new CustomEvent("framewire:picture", { detail }));
  }

  redraw() {
    if (this.watch.state !== "live" || this.taken === null) return;
    if (!settings.overlays) this.overlay.picture.hidden = true;
    this.overlay.draw(this.taken, this.visible, this.watch.moments);
  }

  // Brings the tile's words and marks up to date; a few times a second.
  look(now) {
    const looked = this.seen && !document.hidden;
    if (looked) this.watch.check(now);
    this.unseen = looked ? null : this.unseen ?? now;
    this.watch.rest(!looked && now - this.unseen > UNSEEN_MS);
    const { state } = this.watch;
    if (state !== "live") this.overlay.clear();
    attribute(this.root, "data-state", state);
    put(this.stateText, WORDS[state]);
    put(this.mark, this.explain(state, now));
    this.numbers(state).forEach((text, n) => put(this.facts[n], text));
    put(this.path, this.way.direct ? "direct" : "coded");
    attribute(this.path, "title", this.way.why);
    this.watch.hold(settings.timing === "match" && settings.overlays ? this.waited() : null, now);
    this.say(state);
  }

  // The nodes for which pictures wait: not for those whose words outlast a picture.
  waited() {
    return this.visible.filter((node) => !LASTING.has(this.watch.moments.newest.get(node)?.kind));
  }

  explain(state, now) {
    const { watch, about } = this;
    if (state === "stale") {
      const cause = about.connected === false ? "The camera is away: no" : "No";
      return `${cause} new picture for ${ago(watch.age(now))}`;
    }
    if (state === "lost" || state === "refused") {
      const wait = Math.max(0, Math.ceil((watch.retryAt - now) / 1000));
      const why = state === "lost" ? "No connection" : watch.why || "The server does not give this stream";
      return `${why}. Trying again ${wait ? `in ${wait} s` : "now"}`;
    }
    if (state === "waiting") return about.connected === false ? "The camera is away" : "Waiting for the first picture";
    return { connecting: "Connecting", resting: "Paused while out of sight" }[state] ?? "";
  }

  // From camera to eye, what comes over the network, pictures a second.
  numbers(state) {
    const { latest } = this.watch.traffic;
    const delay = this.watch.delays.at(0.5);
    if (state !== "live") return ["", "", ""];
    return [
      delay === null ? "" : milliseconds(delay),
      latest ? bits(latest.bitsPerSecond) : "",
      latest ? `${rate(latest.fps)} fps` : "",
    ];
  }

  // Says a change of state aloud, once it has lasted a look.
  say(state) {
    const steady = state === this.before;
    this.before = state;
    if (!steady || state === this.told || QUIET.has(state) || !this.seen) return;
    if (this.told !== null || state !== "live") {
      tell(state === "live" ? `${this.name} is live again` : `${this.name}: ${this.explain(state, performance.now())}`);
    }
    this.told = state;
  }
}
