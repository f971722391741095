// What nodes have said, kept by the RTP timestamp of the picture that it was said about.

const MOST = 256; // pictures that are remembered: ten seconds at 25 a second
const CLOCK = 90000; // ticks of the RTP clock in a second

// Seconds from one RTP timestamp to another, over the wrap at 2^32 too.
export const between = (from, to) => ((to - from) | 0) / CLOCK;

export class Moments {
  constructor(most = MOST) {
    this.most = most;
    this.pictures = new Map(); // rtp -> { rtp, seq, at, pts, said: Map(node -> { kind, data, came }) }
    this.newest = new Map(); // node -> { kind, data, came, rtp }: its newest result of all
  }

  // Adds what a message says to what others have said about the same picture. now: performance.now()
  put(message, now) {
    const rtp = message.rtp >>> 0;
    let moment = this.pictures.get(rtp);
    if (!moment) {
      moment = { rtp, seq: -1, at: message.at, pts: message.pts, said: new Map() };
      this.pictures.set(rtp, moment);
      if (this.pictures.size > this.most) this.pictures.delete(this.pictures.keys().next().value);
    }
    if (message.seq >= 0) moment.seq = message.seq; // the word that a picture goes out has none
    for (const [node, result] of Object.entries(message.said)) {
      if (typeof result?.kind !== "string" || typeof result.data !== "object") continue;
      const said = { kind: result.kind, data: result.data ?? {}, came: now, rtp };
      moment.said.set(node, said);
      const before = this.newest.get(node);
      if (!before || between(before.rtp, rtp) > 0) this.newest.set(node, said);
    }
    return moment;
  }

  // What was said about exactly this picture, or undefined.
  of(rtp) {
    return this.pictures.get(rtp >>> 0);
  }

  // The newest result of a node about a picture before this one, and how many seconds before.
  before(node, rtp) {
    const said = this.newest.get(node);
    const age = said && between(said.rtp, rtp);
    return said && age > 0 ? { said, age } : undefined;
  }

  clear() {
    this.pictures.clear();
    this.newest.clear();
  }
}
