// Masks as run lengths in COCO's compressed form (pycocotools, maskApi.c, rleFrString).

const LARGEST = 4096 * 4096; // cells: no mask of a model is larger

// Run lengths of a mask, first those that do not belong to it. Each is a signed number of 5 bits a
// letter, the lowest first; from the fourth on, what is added to the one two places before.
export function runs(text) {
  const found = [];
  for (let at = 0; at < text.length; ) {
    let value = 0;
    let shift = 0;
    for (let more = true; more; ) {
      const letter = text.charCodeAt(at++) - 48;
      if (!(letter >= 0 && letter < 64) || shift > 30) throw new Error("rle: wanted run lengths");
      value |= (letter & 0x1f) << shift;
      more = (letter & 0x20) !== 0;
      shift += 5;
      if (!more && letter & 0x10 && shift < 32) value |= -1 << shift;
    }
    found.push(found.length > 2 ? value + found[found.length - 2] : value);
  }
  return found;
}

// A mask: { rows, columns, cells }, cells a Uint8Array row by row, 1 for what belongs to it.
export function decodeMask({ size, counts }) {
  const [rows, columns] = size;
  if (!(rows * columns <= LARGEST)) throw new Error(`rle: wanted a grid, got ${rows} x ${columns}`);
  const cells = new Uint8Array(rows * columns);
  let at = 0;
  let value = 0;
  for (const run of runs(counts)) {
    if (run < 0 || at + run > cells.length) throw new Error("rle: runs stick out of the grid");
    if (value) for (let n = at; n < at + run; n++) cells[(n % rows) * columns + Math.floor(n / rows)] = 1;
    at += run;
    value ^= 1;
  }
  return { rows, columns, cells };
}
