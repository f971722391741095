// glTF 2.0 in one binary file, as stages/faces/surface.py writes it: one mesh of triangles.

const MAGIC = 0x46546c67; // "glTF"
const JSON_CHUNK = 0x4e4f534a;
const TYPES = { 5126: Float32Array, 5125: Uint32Array, 5123: Uint16Array };
const SIZES = { SCALAR: 1, VEC3: 3, VEC4: 4 };

// { POSITION, NORMAL, COLOR_0 (each a Float32Array, three numbers a point), indices }; what the file
// lacks is undefined. Raises an Error if it is no such file.
export function readGlb(buffer) {
  const view = new DataView(buffer);
  if (buffer.byteLength < 20 || view.getUint32(0, true) !== MAGIC) throw new Error("glb: wanted glTF");
  const length = view.getUint32(12, true);
  if (view.getUint32(16, true) !== JSON_CHUNK) throw new Error("glb: wanted JSON first");
  const scene = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 20, length)));
  const numbers = 20 + length + 8;
  const array = (index) => {
    if (index === undefined) return undefined;
    const accessor = scene.accessors[index];
    const start = numbers + (scene.bufferViews[accessor.bufferView].byteOffset ?? 0) + (accessor.byteOffset ?? 0);
    const Type = TYPES[accessor.componentType];
    const count = accessor.count * SIZES[accessor.type];
    return new Type(buffer.slice(start, start + count * Type.BYTES_PER_ELEMENT));
  };
  const { attributes, indices } = scene.meshes[0].primitives[0];
  const parts = Object.fromEntries(Object.entries(attributes).map(([name, index]) => [name, array(index)]));
  return { ...parts, indices: array(indices) };
}
