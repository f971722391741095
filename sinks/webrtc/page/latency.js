// From the camera to the eye: when a picture was taken, by the server's clock, against when it is
// shown, by ours.

import { percentile } from "./words.js";

const KEPT = 150; // pictures: six seconds at 25 a second
const SAMPLES = 8; // answers from which the clocks' difference is taken

// The difference between the server's clock and ours, from answers that say when they were written.
export class Clock {
  constructor() {
    this.samples = [];
  }

  // now: the server's, milliseconds since 1970; sent, got: performance.now() around the question
  note(now, sent, got) {
    const middle = performance.timeOrigin + (sent + got) / 2;
    this.samples.push({ offset: now - middle, trip: got - sent });
    if (this.samples.length > SAMPLES) this.samples.shift();
  }

  // Milliseconds to add to our clock to have the server's; null while it is not known. The answer
  // that took the shortest is the nearest, and wrong by at most half of what it took.
  get best() {
    if (!this.samples.length) return null;
    return this.samples.reduce((a, b) => (b.trip < a.trip ? b : a));
  }
}

// The delays of the latest pictures of one stream.
export class Delays {
  constructor() {
    this.values = [];
  }

  // taken: milliseconds since 1970 by the server's clock; shown: performance.now() at which it is seen
  note(taken, shown, offset) {
    this.values.push(performance.timeOrigin + shown + offset - taken);
    if (this.values.length > KEPT) this.values.shift();
  }

  clear() {
    this.values.length = 0;
  }

  // Half of the pictures were shown within so many milliseconds; null before the first.
  at(share) {
    return this.values.length ? percentile(this.values, share) : null;
  }
}
