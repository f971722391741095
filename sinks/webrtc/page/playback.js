// A recording, over the live pictures; plainly marked as one.

import { address } from "./api.js";
import { byId, element, put, tell } from "./dom.js";
import { clock } from "./words.js";

export class Playback {
  // moved(ms): the moment that is shown now; null when it is over
  constructor({ moved, next }) {
    this.moved = moved;
    this.next = next;
    this.root = byId("playback");
    this.video = byId("recorded");
    this.segment = null;
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
      const id = encodeURIComponent(segment.id);
      this.video.replaceChildren(element("track", { kind: "metadata", src: address(`recordings/${id}.vtt`) }));
      this.video.src = address(`recordings/${id}.mp4`);
      tell(`Recording of ${segment.stream}, ${clock(ms)}`);
    }
    this.video.currentTime = Math.max(0, (ms - segment.from) / 1000);
    this.video.play().catch(() => {}); // whoever must press play first has the controls
    put(byId("playback-name"), segment.stream);
    this.root.hidden = false;
    this.tick();
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
    this.root.hidden = true;
    this.video.removeAttribute("src");
    this.video.replaceChildren();
    this.video.load();
    tell("Live again");
    this.moved(null);
  }
}
