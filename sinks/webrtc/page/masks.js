// The outline of each mask, made once for each message.

import { loops, smooth } from "./outline.js";
import { decodeMask } from "./rle.js";

const made = new WeakMap();

// The path around a mask `{ size, counts }`, in [0, 1] of its grid.
export function outline(mask) {
  let path = made.get(mask);
  if (!path) made.set(mask, (path = smooth(loops(decodeMask(mask)))));
  return path;
}
