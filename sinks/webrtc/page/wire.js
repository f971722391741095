// Overlay messages: msgpack, in which a rectangular list of floats is extension type 1.

import { decode } from "./vendor/msgpack/decode.mjs";
import { ExtensionCodec } from "./vendor/msgpack/ExtensionCodec.mjs";

const FLOATS = 1; // the extension: dimensions (uint8), each (uint16 big-endian), float32 little-endian

export class BadMessage extends Error {}

// A rectangular array of floats. shape: lengths, outermost first; values: Float32Array, row by row.
export class Floats {
  constructor(shape, values) {
    this.shape = shape;
    this.values = values;
  }

  get length() {
    return this.shape[0] ?? 0;
  }

  // What lies at an index of the outermost dimension: a number, or Floats of one dimension less.
  at(index) {
    const shape = this.shape.slice(1);
    const size = shape.reduce((a, b) => a * b, 1);
    const values = this.values.subarray(index * size, (index + 1) * size);
    return shape.length ? new Floats(shape, values) : values[0];
  }
}

const codec = new ExtensionCodec();
codec.register({ type: FLOATS, encode: () => null, decode: readFloats });

function readFloats(bytes) {
  const dimensions = bytes[0];
  const start = 1 + 2 * dimensions;
  if (!(dimensions >= 1) || bytes.length < start) throw new BadMessage("floats: wanted dimensions");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const shape = Array.from({ length: dimensions }, (_, n) => view.getUint16(1 + 2 * n));
  const count = shape.reduce((a, b) => a * b, 1);
  if (bytes.length !== start + 4 * count) {
    throw new BadMessage(`floats: wanted ${start + 4 * count} bytes, got ${bytes.length}`);
  }
  const values = new Float32Array(count);
  for (let n = 0; n < count; n++) values[n] = view.getFloat32(start + 4 * n, true);
  return new Floats(shape, values);
}

// Floats, whichever way they came: as the extension, or as lists, such as an empty one.
export function floats(value) {
  if (value instanceof Floats) return value;
  const shape = [];
  for (let part = value; Array.isArray(part); part = part[0]) shape.push(part.length);
  return new Floats(shape, Float32Array.from(Array.isArray(value) ? value.flat(Infinity) : []));
}

// The message in some bytes: { rtp, seq, at, pts, said: { node: { kind, data } } }.
// Fields and kinds that are not known here are kept; a reader of schema 1 passes them over.
export function readMessage(buffer) {
  let message;
  try {
    message = decode(new Uint8Array(buffer), { extensionCodec: codec });
  } catch (error) {
    throw new BadMessage(`wanted msgpack: ${error.message}`);
  }
  if (message?.v !== 1) throw new BadMessage(`v: wanted 1, got ${message?.v}`);
  for (const field of ["rtp", "at", "pts"]) {
    if (typeof message[field] !== "number") throw new BadMessage(`${field}: wanted a number`);
  }
  if (message.said === null || typeof message.said !== "object") {
    throw new BadMessage("said: wanted a map");
  }
  return message;
}
