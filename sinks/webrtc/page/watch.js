// Keeps one stream on a video element, whatever happens: connects, watches whether pictures really
// come, tells what is known about each of them, and connects again.

import { Refused } from "./api.js";
import { Delays } from "./latency.js";
import { Moments } from "./moments.js";
import { Pace } from "./pace.js";
import { Traffic } from "./traffic.js";
import { BadMessage, readMessage } from "./wire.js";
import { delay, open } from "./whep.js";

export const STALE_MS = 1000; // without a new picture it is not live any more
const FIRST_MS = 10000; // for the first picture; then a new connection is tried
const AGAIN_MS = [500, 15000]; // the first wait before connecting again, and the longest
const STEADY_MS = 10000; // a connection that held so long begins with the first wait again
const RECEIVED = 256; // pictures whose arrival is remembered

// States: "connecting", "waiting" (for a first picture), "live", "stale" (a frozen picture),
// "lost" (no connection), "refused" (the server says no), "resting" (nobody looks).
export class Watch {
  // clock: a Clock; shown(rtp): a picture is on the screen now; spoken(moment): a message came
  constructor(stream, video, clock, { shown, spoken }) {
    Object.assign(this, { stream, video, clock, shown, spoken });
    this.moments = new Moments();
    this.delays = new Delays();
    this.pace = new Pace();
    this.traffic = new Traffic();
    this.received = new Map(); // rtp -> performance.now() at which its last packet came in
    this.picture = null; // { rtp, at }: the latest on the screen
    this.waits = 0; // milliseconds that pictures are held back
    this.state = "connecting";
    this.why = "";
    this.retryAt = null; // performance.now() of the next try
    this.bad = 0; // messages that could not be read
    this.running = false;
    this.resting = false;
    this.session = null;
    this.wake = null;
  }

  async run(ice) {
    this.running = true;
    let wait = AGAIN_MS[0];
    while (this.running) {
      if (this.resting) {
        this.turn("resting", "");
        await this.sleep(null);
        wait = AGAIN_MS[0];
        continue;
      }
      const began = performance.now();
      this.turn("connecting", "");
      try {
        this.reset();
        this.session = await open(this.stream, ice(), this.video, (data) => this.heard(data));
        this.turn("waiting", "");
        this.began = performance.now();
        this.look(this.session);
        if (this.resting) this.session.close("nobody looks");
        this.why = await this.session.closed;
        this.state = "lost";
      } catch (error) {
        this.turn(error instanceof Refused ? "refused" : "lost", error.why || error.message);
      }
      this.session = null;
      if (!this.running || this.resting) continue;
      wait = performance.now() - began > STEADY_MS ? AGAIN_MS[0] : Math.min(2 * wait, AGAIN_MS[1]);
      const pause = wait * (0.75 + Math.random() / 2); // not all viewers at once
      this.retryAt = performance.now() + pause;
      await this.sleep(pause);
    }
  }

  // Waits so many milliseconds, or for ever (null), unless it is woken.
  sleep(pause) {
    return new Promise((go) => {
      this.wake = go;
      if (pause !== null) setTimeout(go, pause);
    });
  }

  // Lets go of the stream while nobody looks, so that nothing is coded, sent and decoded for nobody.
  rest(resting) {
    if (resting === this.resting) return;
    this.resting = resting;
    if (resting) this.session?.close("nobody looks");
    else this.turn("connecting", "");
    this.wake?.();
  }

  stop() {
    this.running = false;
    this.session?.close();
    this.wake?.();
  }

  // Tries at once what would be tried later.
  hurry() {
    this.wake?.();
  }

  turn(state, why) {
    this.state = state;
    this.why = why;
  }

  reset() {
    this.moments.clear();
    this.received.clear();
    this.delays.clear();
    this.traffic.clear();
    this.picture = null;
  }

  // Is told of each picture as it is put on the screen, for as long as a session lasts.
  look(session) {
    this.video.requestVideoFrameCallback((_, metadata) => {
      if (this.session !== session) return;
      this.look(session);
      this.present(metadata);
    });
  }

  present({ rtpTimestamp, receiveTime }) {
    // Not expectedDisplayTime: that is the jitter buffer's guess, under load off by a second.
    const now = performance.now();
    this.picture = { rtp: rtpTimestamp, at: now };
    this.pace.pictures += 1;
    this.turn("live", "");
    const moment = rtpTimestamp === undefined ? undefined : this.moments.of(rtpTimestamp);
    if (receiveTime !== undefined) {
      this.received.set(rtpTimestamp, receiveTime);
      if (this.received.size > RECEIVED) this.received.delete(this.received.keys().next().value);
      for (const [node, { came }] of moment?.said ?? []) this.pace.note(node, came - receiveTime);
    }
    const { best } = this.clock;
    if (moment && best) this.delays.note(moment.at, now, best.offset);
    this.shown(rtpTimestamp);
  }

  heard(data) {
    const now = performance.now();
    let message;
    try {
      message = readMessage(data);
    } catch (error) {
      if (!(error instanceof BadMessage)) throw error;
      if (!this.bad++) console.warn(`${this.stream}: a message that cannot be read: ${error.message}`);
      return;
    }
    const moment = this.moments.put(message, now);
    const received = this.received.get(moment.rtp);
    if (received !== undefined) for (const node of Object.keys(message.said)) this.pace.note(node, now - received);
    this.spoken(moment);
  }

  // Brings the state up to date: a few times a second, while the picture can be seen.
  check(now) {
    if (this.state === "live" && now - this.picture.at > STALE_MS) this.turn("stale", "");
    if (this.state === "waiting" && now - this.began > FIRST_MS) this.session?.close("no picture came");
  }

  // What was on the screen may be old: nobody was told of new pictures while the page was hidden.
  doubt() {
    if (this.state !== "live" && this.state !== "stale") return;
    this.turn("waiting", "");
    this.began = performance.now();
  }

  // Milliseconds since the latest picture came onto the screen, or null.
  age(now) {
    return this.picture && now - this.picture.at;
  }

  // Holds pictures back for as long as these nodes need, or not at all.
  hold(nodes, now) {
    if (!this.session) return;
    this.waits = nodes ? this.pace.wait(nodes, now) : 0;
    delay(this.session.receiver, this.waits);
  }
}
