// What the browser counts about a connection, made into what a person wants to know.

export class Traffic {
  constructor() {
    this.before = null;
    this.latest = null; // { bitsPerSecond, fps, lost, dropped, waited, codec, trip }
  }

  // Asks once; `latest` is about the time since the question before.
  async ask(peer) {
    const report = await peer.getStats();
    const inbound = [...report.values()].find(({ type, kind }) => type === "inbound-rtp" && kind === "video");
    if (!inbound) return;
    const codec = report.get(inbound.codecId);
    const pair = [...report.values()].find(({ type, nominated, state }) =>
      type === "candidate-pair" && nominated && state === "succeeded");
    const now = {
      at: inbound.timestamp,
      bytes: inbound.bytesReceived,
      frames: inbound.framesDecoded,
      waited: inbound.jitterBufferDelay,
      emitted: inbound.jitterBufferEmittedCount,
    };
    const { before } = this;
    this.before = now;
    if (!before || now.at <= before.at || now.bytes < before.bytes) return;
    const seconds = (now.at - before.at) / 1000;
    this.latest = {
      bitsPerSecond: (8 * (now.bytes - before.bytes)) / seconds,
      fps: (now.frames - before.frames) / seconds,
      waited: now.emitted > before.emitted ? (1000 * (now.waited - before.waited)) / (now.emitted - before.emitted) : null,
      lost: inbound.packetsLost,
      dropped: inbound.framesDropped,
      codec: codec?.mimeType.replace("video/", "") ?? "",
      trip: pair?.currentRoundTripTime === undefined ? null : 1000 * pair.currentRoundTripTime,
    };
  }

  clear() {
    this.before = null;
    this.latest = null;
  }
}
