// The colours of stages/overlay/canvas.py: class or track n has colour n modulo 12, burned in or here.

export const PALETTE = [
  "#2cd69e", "#dc97fb", "#c7bc29", "#85baff", "#ff996a", "#01d1d2",
  "#fc8cce", "#8bcd63", "#b0adfe", "#f0a726", "#07cafd", "#ff939d",
];
export const DARK = "#10141a";
export const LIGHT = "#f4f7fa";
export const SOFT = "#b4bcc4";

export const colourOf = (index) => PALETTE[((index % PALETTE.length) + PALETTE.length) % PALETTE.length];

// Dark or light, whichever reads better on a colour "#rrggbb" (contrast of WCAG 2.2).
export function inkOn(colour) {
  const [red, green, blue] = [1, 3, 5].map((at) => {
    const c = parseInt(colour.slice(at, at + 2), 16);
    return c > 10 ? ((c / 255 + 0.055) / 1.055) ** 2.4 : c / 255 / 12.92;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.18 ? DARK : LIGHT;
}
