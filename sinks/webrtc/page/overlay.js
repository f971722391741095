// What is drawn over a video: what was said about exactly the picture on the screen.
//
// The browser shows a new picture of a video before a page can draw on a canvas above it: for a
// moment the old boxes would lie on the new picture. So the picture is copied to a canvas of its
// own, which is shown together with the one above it.

import { Brush } from "./brush.js";
import { LASTING, PAINTERS } from "./paint/index.js";
import { settings } from "./settings.js";

const FRESH_S = 0.5; // so old a result is drawn as if it were new
const GONE_S = 10; // and is not drawn any more; as sinks/annotate.py
const SMALL = 240; // pixels: a narrower picture has no room for words

export class Overlay {
  // picture: the canvas for the picture itself; null where the video itself must be seen
  // places(node): where a zones node's areas and lines lie, or undefined
  constructor(canvas, picture, video, places) {
    Object.assign(this, { canvas, picture, video, places });
    this.context = canvas.getContext("2d");
    this.copy = picture?.getContext("2d", { alpha: false });
    this.blank = true; // whether nothing is drawn
    this.drawn = []; // nodes whose word about this very picture is drawn
    this.sure = true; // whether the browser tells which picture was copied
    this.failed = new Set(); // nodes whose results could not be drawn
  }

  // Lays the canvas exactly over the picture, in whatever box the video stands.
  fit() {
    const { clientWidth: wide, clientHeight: high } = this.video;
    const { videoWidth, videoHeight } = this.video;
    if (!wide || !high || !videoWidth || !videoHeight) return;
    const scale = Math.min(wide / videoWidth, high / videoHeight);
    const [width, height] = [videoWidth * scale, videoHeight * scale];
    const ratio = Math.min(devicePixelRatio, 2);
    const size = [Math.round(width * ratio), Math.round(height * ratio)];
    if (this.canvas.width === size[0] && this.canvas.height === size[1]) return;
    for (const canvas of [this.canvas, this.picture].filter(Boolean)) {
      [canvas.width, canvas.height] = size;
      canvas.style.width = `${width}px`;
      canvas.style.height = `${height}px`;
    }
    if (this.picture) this.picture.hidden = true; // until there is a picture of this size
    this.ratio = size[0] / width;
    this.blank = true;
  }

  clear() {
    if (this.blank) return;
    this.blank = true;
    this.context.setTransform(1, 0, 0, 1, 0, 0);
    this.context.clearRect(0, 0, this.canvas.width, this.canvas.height);
    this.drawn = [];
  }

  // Copies the picture on the screen, which the browser has said to be `rtp`. Returns which it is:
  // while a page is busy, the video may have gone on. null while there is none.
  take(rtp) {
    this.fit();
    if (!settings.overlays) {
      this.picture.hidden = true; // nothing to be exact about: the video itself is shown
      return rtp;
    }
    const source = this.current();
    if (!source) return null;
    this.copy.drawImage(source, 0, 0, this.picture.width, this.picture.height);
    const told = source.metadata?.().rtpTimestamp;
    source.close?.();
    this.picture.hidden = false;
    this.sure = told !== undefined;
    return told ?? rtp;
  }

  // The picture that the video shows, as something that tells which it is, where a browser has that
  // (Firefox 153 has not); null while there is none.
  current() {
    if (!globalThis.VideoFrame?.prototype.metadata) return this.video;
    try {
      return new VideoFrame(this.video);
    } catch (error) {
      if (error.name === "InvalidStateError") return null; // a connection begins
      throw error;
    }
  }

  // Draws what is known of the picture `rtp`. nodes: whose words may be drawn; moments: all words.
  draw(rtp, nodes, moments) {
    this.fit();
    this.clear();
    if (!settings.overlays) return;
    this.blank = false;
    const exact = moments.of(rtp)?.said;
    const brush = this.brush();
    const items = [];
    for (const node of nodes) {
      const said = exact?.get(node);
      if (said) items.push({ node, said, strength: 1, exact: true });
      else items.push(...this.older(node, rtp, moments));
      // Places lie where they lie: they are drawn whether or not anybody counts.
      const counted = items.some((item) => item.node === node && item.said.kind === "zones");
      if (this.places(node) && !counted) items.push({ node, said: { kind: "zones" }, strength: 1 });
    }
    // What was said about earlier pictures lies below.
    for (const layer of [items.filter((item) => !item.exact), items.filter((item) => item.exact)]) {
      for (const [kind, paint] of Object.entries(PAINTERS)) {
        for (const item of layer) if (item.said.kind === kind) this.paint(brush, paint, item);
      }
    }
    this.drawn = items.filter((item) => item.exact).map(({ node }) => node);
  }

  older(node, rtp, moments) {
    const earlier = moments.before(node, rtp);
    if (!earlier || !(LASTING.has(earlier.said.kind) || settings.older)) return [];
    const strength = Math.min(1, (GONE_S - earlier.age) / (GONE_S - FRESH_S));
    return strength > 0 ? [{ node, said: earlier.said, strength, exact: false }] : [];
  }

  brush() {
    this.context.setTransform(this.ratio, 0, 0, this.ratio, 0, 0);
    const brush = new Brush(this.context, this.canvas.width / this.ratio, this.canvas.height / this.ratio);
    brush.names = settings.names && brush.width >= SMALL;
    return brush;
  }

  paint(brush, paint, { node, said, strength }) {
    brush.strength = strength;
    brush.alpha(1);
    try {
      paint(brush, node, said.data ? said : undefined, this.places(node));
    } catch (error) {
      // A result that does not keep to the schema costs its own drawing, not the others'.
      if (!this.failed.has(node)) console.warn(`${node}: a result that cannot be drawn: ${error.message}`);
      this.failed.add(node);
      this.context.setLineDash([]);
    }
  }
}
