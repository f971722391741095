// How long a picture should wait, so that what was seen in it is there when it is shown.
//
// A result comes later than its picture by the time that the models take. Each node's lag is
// measured from the picture's last packet to the result; the picture waits for the slowest node
// that is worth waiting for.

import { percentile } from "./words.js";

const KEPT = 50; // lags of a node that are remembered
const ENOUGH = 5; // lags before a node counts
const SHARE = 0.95; // of its results that are to be in time
const LONGEST_MS = 1000; // a node with more lag is not waited for
const OFTEN = 0.3; // nor is one that speaks of a smaller share of the pictures
const FREE_MS = 10; // of lag that decoding and showing take anyway
const ROOM_MS = 15; // beyond the lag
const STEP_MS = 20; // shorter changes are not made
const PATIENCE_MS = 5000; // before the wait becomes shorter again

export class Pace {
  constructor() {
    this.target = 0; // milliseconds that pictures should wait now
    this.pictures = 0; // that have been on the screen
    this.lags = new Map(); // node -> its latest { lag in milliseconds, picture }
    this.lower = null; // since when less would do
  }

  // A node has spoken `lag` milliseconds after the picture's last packet came in.
  note(node, lag) {
    const lags = this.lags.get(node) ?? [];
    lags.push({ lag, picture: this.pictures });
    if (lags.length > KEPT) lags.shift();
    this.lags.set(node, lags);
  }

  // A node's usual lag in milliseconds, or null while too little is known.
  lag(node) {
    const lags = this.lags.get(node) ?? [];
    return lags.length < ENOUGH ? null : percentile(lags.map(({ lag }) => lag), SHARE);
  }

  // The share of the latest pictures of which a node speaks, in [0, 1].
  coverage(node) {
    const lags = this.lags.get(node) ?? [];
    return lags.length ? Math.min(1, lags.length / Math.max(1, this.pictures - lags[0].picture)) : 0;
  }

  // The wait that suits these nodes, in milliseconds. now: performance.now()
  wait(nodes, now) {
    const lags = nodes
      .filter((node) => this.coverage(node) >= OFTEN)
      .map((node) => this.lag(node))
      .filter((lag) => lag !== null && lag <= LONGEST_MS);
    const longest = Math.max(0, ...lags);
    const wanted = longest > FREE_MS ? Math.round(longest + ROOM_MS) : 0;
    if (wanted >= this.target + STEP_MS) this.set(wanted);
    else if (wanted > this.target - STEP_MS) this.lower = null;
    else if (this.lower === null) this.lower = now;
    else if (now - this.lower > PATIENCE_MS) this.set(wanted);
    return this.target;
  }

  set(target) {
    this.target = target;
    this.lower = null;
  }
}
