// What was said about recorded pictures: the metadata track beside the video, a cue for each message.

const NODE = /"node":"((?:[^"\\]|\\.)*)"/;

// The same questions as to `Moments`; a picture is named by its place in the recording, in milliseconds.
export class Recorded {
  // cues: of the track; each is read only when its picture is shown
  constructor(cues) {
    this.pictures = new Map(); // ms -> cues
    this.nodes = new Map(); // node -> [{ ms, cue }], in the order of time
    for (const cue of cues) {
      const ms = Math.round(cue.startTime * 1000);
      const node = NODE.exec(cue.text)?.[1];
      if (node === undefined) continue;
      if (!this.pictures.has(ms)) this.pictures.set(ms, []);
      if (!this.nodes.has(node)) this.nodes.set(node, []);
      this.pictures.get(ms).push(cue);
      this.nodes.get(node).push({ ms, cue });
    }
  }

  // What was said about the picture there; times are written to the millisecond.
  of(ms) {
    const cues = this.pictures.get(ms) ?? this.pictures.get(ms - 1) ?? this.pictures.get(ms + 1);
    if (!cues) return undefined;
    const said = cues.map((cue) => JSON.parse(cue.text)).filter(({ kind, data }) => kind && data);
    return { said: new Map(said.map((message) => [message.node, message])) };
  }

  // The newest result of a node about a picture before, and how many seconds before.
  before(node, ms) {
    const said = this.nodes.get(node) ?? [];
    let [low, high] = [0, said.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (said[middle].ms < ms - 1) low = middle + 1;
      else high = middle;
    }
    if (!low) return undefined;
    const { ms: then, cue } = said[low - 1];
    return { said: JSON.parse(cue.text), age: (ms - then) / 1000 };
  }
}
