// What a viewer's browser sees: for each picture its RTP timestamp, the number burned into it, the
// number that the overlay channel had said of it by then, and when it was taken and shown.

// Enough of msgpack for an overlay message; floats in extensions are not looked at.
function unpack(buffer) {
  const view = new DataView(buffer);
  const text = new TextDecoder();
  let at = 0;
  const take = (size) => (at += size) - size;
  const string = (size) => text.decode(new Uint8Array(buffer, take(size), size));
  const list = (size) => Array.from({ length: size }, value);
  const map = (size) => Object.fromEntries(Array.from({ length: size }, () => [value(), value()]));
  const big = (read) => Number(read.call(view, take(8)));
  function value() {
    const kind = view.getUint8(take(1));
    if (kind < 0x80) return kind;
    if (kind < 0x90) return map(kind & 15);
    if (kind < 0xa0) return list(kind & 15);
    if (kind < 0xc0) return string(kind & 31);
    if (kind >= 0xe0) return kind - 256;
    switch (kind) {
      case 0xc0: return null;
      case 0xc2: return false;
      case 0xc3: return true;
      case 0xc7: return take(view.getUint8(take(1)) + 1), null;
      case 0xc8: return take(view.getUint16(take(2)) + 1), null;
      case 0xca: return view.getFloat32(take(4));
      case 0xcb: return view.getFloat64(take(8));
      case 0xcc: return view.getUint8(take(1));
      case 0xcd: return view.getUint16(take(2));
      case 0xce: return view.getUint32(take(4));
      case 0xcf: return big(view.getBigUint64);
      case 0xd0: return view.getInt8(take(1));
      case 0xd4: case 0xd5: case 0xd6: case 0xd7: case 0xd8: return take(1 + (1 << (kind - 0xd4))), null;
      case 0xd9: return string(view.getUint8(take(1)));
      case 0xda: return string(view.getUint16(take(2)));
      case 0xdc: return list(view.getUint16(take(2)));
      case 0xde: return map(view.getUint16(take(2)));
      default: throw new Error(`msgpack: ${kind}`);
    }
  }
  return value();
}

// The number that `stages.capture.testcard` wrote into a picture, or null.
function number(pixels, width, height) {
  let word = 0n;
  for (let block = 0; block < 32; block++) {
    const x = Math.floor(((block + 0.5) * width) / 32);
    const y = Math.floor(height / 32);
    const luma = pixels[4 * (y * width + x) + 1];
    word = (word << 1n) | (luma > 127 ? 1n : 0n);
  }
  if (word >> 30n !== 2n) return null;
  const found = Number((word >> 6n) & 0xffffffn);
  let parity = 0b101101;
  for (let shift = 0; shift < 24; shift += 6) parity ^= found >> shift;
  return (parity & 63) === Number(word & 63n) ? found : null;
}

// Milliseconds since 1970 at performance.now() = 0, from the tick of the wall clock.
function origin() {
  const first = Date.now();
  let next = first;
  while (next === first) next = Date.now();
  return next - performance.now();
}

async function watch(stream, frames) {
  const zero = origin();
  const began = performance.now();
  const peer = new RTCPeerConnection({ iceServers: [] });
  const channel = peer.createDataChannel("overlay", { ordered: false, maxRetransmits: 0 });
  channel.binaryType = "arraybuffer";
  const messages = new Map();
  channel.onmessage = ({ data }) => {
    const told = unpack(data);
    const known = messages.get(told.rtp) ?? { at: told.at, said: null };
    if (told.said.number) known.said = Number(told.said.number.data.text);
    messages.set(told.rtp, known);
  };
  const { receiver } = peer.addTransceiver("video", { direction: "recvonly" });
  if ("jitterBufferTarget" in receiver) receiver.jitterBufferTarget = 0;
  const video = document.createElement("video");
  video.muted = video.playsInline = video.autoplay = true;
  video.style.width = "640px";
  document.body.append(video);
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d", { willReadFrequently: true });
  peer.ontrack = ({ track }) => (video.srcObject = new MediaStream([track]));
  const seen = [];
  const done = new Promise((end) => {
    const shown = (now, meta) => {
      if (seen.length < frames) video.requestVideoFrameCallback(shown);
      canvas.width = meta.width;
      canvas.height = Math.ceil(meta.height / 16);
      // The callback may come when the video already shows the next one: the frame itself knows.
      const frame = new VideoFrame(video);
      const rtp = frame.metadata().rtpTimestamp ?? meta.rtpTimestamp;
      context.drawImage(frame, 0, 0);
      frame.close();
      const rows = context.getImageData(0, 0, canvas.width, canvas.height).data;
      const known = messages.get(rtp);
      seen.push({
        rtp,
        other: rtp !== meta.rtpTimestamp,
        read: number(rows, meta.width, meta.height),
        said: known?.said ?? null,
        at: known?.at ?? null,
        shown: zero + meta.expectedDisplayTime,
        called: zero + now,
        presented: meta.presentedFrames,
      });
      if (seen.length === frames) end();
    };
    video.requestVideoFrameCallback(shown);
  });
  const first = new Promise((end) => video.requestVideoFrameCallback((now) => end(now - began)));
  await peer.setLocalDescription();
  const answer = await fetch(`/whep/${stream}`, {
    method: "POST",
    headers: { "Content-Type": "application/sdp" },
    body: peer.localDescription.sdp,
  });
  if (answer.status !== 201) throw new Error(`${answer.status}: ${await answer.text()}`);
  await peer.setRemoteDescription({ type: "answer", sdp: await answer.text() });
  const place = answer.headers.get("location");
  await done;
  const told = { first: await first, seen };
  peer.close();
  video.remove();
  await fetch(place, { method: "DELETE" });
  return told;
}
