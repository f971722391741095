// The tiles: all of them in a grid, or one large and the others beside it.

import { attribute, tell } from "./dom.js";

const FOOTER = 38; // pixels of a tile below its picture
const GAP = 10;
const USUAL = 16 / 9;
const NARROW = 720; // pixels: below, tiles stand under each other

export class Stage {
  constructor(root, { chosen }) {
    this.root = root;
    this.tiles = [];
    this.focus = null;
    this.chosen = chosen;
    new ResizeObserver(() => this.arrange()).observe(root);
  }

  add(tile) {
    this.tiles.push(tile);
    this.root.append(tile.root);
    this.arrange();
  }

  remove(tile) {
    tile.stop();
    tile.root.remove();
    this.tiles = this.tiles.filter((other) => other !== tile);
    if (this.focus === tile) this.choose(null);
    this.arrange();
  }

  // Shows one stream large, or all alike (null).
  choose(tile) {
    if (tile === this.focus) return;
    this.focus = tile;
    for (const each of this.tiles) {
      each.root.classList.toggle("large", each === tile);
      attribute(each.button, "aria-pressed", String(each === tile));
      attribute(each.caption, "aria-live", each === tile ? "polite" : null);
    }
    this.arrange();
    this.root.scrollTop = 0;
    tell(tile ? `${tile.name} is shown large` : "All streams");
    this.chosen(tile);
  }

  // The stream so many places further on; from none, the first or the last.
  step(by) {
    const at = this.tiles.indexOf(this.focus);
    const next = at < 0 ? (by > 0 ? 0 : this.tiles.length - 1) : at + by;
    const tile = this.tiles[(next + this.tiles.length) % this.tiles.length];
    if (tile) this.choose(tile);
  }

  arrange() {
    const { root, tiles, focus } = this;
    const { clientWidth: width, clientHeight: height } = root;
    const shapes = tiles.map(({ about: { size } }) => (size?.[0] > 0 && size?.[1] > 0 ? size[0] / size[1] : USUAL)).sort();
    const across = columns(tiles.length, width, height, shapes[Math.floor(shapes.length / 2)]);
    root.dataset.mode = focus && tiles.length > 1 ? "focus" : "grid";
    root.style.setProperty("--others", String(Math.max(1, tiles.length - 1)));
    root.style.setProperty("--columns", String(across));
  }
}

// How many columns make the pictures largest without scrolling. aspect: their width over their height
export function columns(count, width, height, aspect = USUAL) {
  if (width < NARROW) return count > 6 && width >= 320 ? 2 : 1;
  let best = 1;
  let widest = 0;
  for (let n = 1; n <= Math.min(count, 6); n++) {
    const rows = Math.ceil(count / n);
    const across = (width - GAP * (n - 1)) / n;
    const down = ((height - GAP * (rows - 1)) / rows - FOOTER) * aspect;
    const picture = Math.min(across, down);
    if (picture > widest + 1) [best, widest] = [n, picture];
  }
  return best;
}
