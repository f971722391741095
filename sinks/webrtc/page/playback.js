// A recording, over the live pictures; plainly marked as one.

import { address } from "./api.js";
import { byId, element, put, tell } from "./dom.js";
import { Overlay } from "./overlay.js";
import { Recorded } from "./recorded.js";
import { settings } from "./settings.js";
import { clock } from "./words.js";

export class Playback {
  // moved(ms): the moment that is shown now; null when it is over
  // next(segment): what follows; places(node): where a zones node's areas and lines lie
  constructor({ moved, next, places }) {
    this.moved = moved;
    this.next = next;
    this.said = null; // what was said about the pictures of the segment
    this.shown = null; // the picture on the screen, by its milliseconds
    this.root = byId("playback");
    this.video = byId("recorded");
    this.segment = null;
    this.overlay = new Overlay(byId("recorded-overlay"), null, this.video, places);
    this.look();
    byId("to-live").addEventListener("click", () => this.close());
    this.video.addEventListener("timeupdate", () => this.tick());
    this.video.addEventListener("ended", () => this.go(this.next(this.segment)));
    this.video.addEventListener("error", () => {
      if (this.segment) put(byId("playback-note"), "This recording cannot be played");
    });
  }

  // Shows a segment from a moment on (milliseconds since 1970).
  play(segment, ms) {
    put(byId("playback-note"), "");
    if (this.segment?.id !== segment.id) {
      this.segment = segment;
      this.shown = null; // what was drawn was on a picture of another one
      this.overlay.clear();
      const id = encodeURIComponent(segment.id);
      this.hear(address(`recordings/${id}.vtt`));
      this.video.src = address(`recordings/${id}.mp4`);
      tell(`Recording of ${segment.stream}, ${clock(ms)}`);
    }
    this.video.currentTime = Math.max(0, (ms - segment.from) / 1000);
    this.video.play().catch(() => {}); // whoever must press play first has the controls
    put(byId("playback-name"), segment.stream);
    this.root.hidden = false;
    this.tick();
  }

  // Reads what was said about the pictures.
  hear(source) {
    this.said = null;
    const track = element("track", { kind: "metadata", src: source });
    track.addEventListener("load", () => {
      this.said = new Recorded(track.track.cues);
      this.draw();
    });
    this.video.replaceChildren(track);
    track.track.mode = "hidden"; // read, and shown by nobody but us
  }

  look() {
    this.video.requestVideoFrameCallback((_, { mediaTime }) => {
      this.look();
      this.shown = Math.round(mediaTime * 1000);
      this.draw();
    });
  }

  draw() {
    if (!this.segment || !this.said || this.shown === null) return;
    const nodes = [...this.said.nodes.keys()].filter((node) => !settings.off[node]);
    this.overlay.draw(this.shown, nodes, this.said);
  }

  go(segment) {
    if (segment) this.play(segment, segment.from);
  }

  tick() {
    if (!this.segment) return;
    const ms = this.segment.from + this.video.currentTime * 1000;
    put(byId("playback-time"), clock(ms));
    this.moved(ms);
  }

  close() {
    if (!this.segment) return;
    this.segment = null;
    this.shown = null;
    this.overlay.clear();
    this.root.hidden = true;
    this.video.removeAttribute("src");
    this.video.replaceChildren();
    this.video.load();
    tell("Live again");
    this.moved(null);
  }
}
