// A canvas being drawn on: sizes that fit what is seen, text, panels. As stages/overlay/canvas.py.

const SHADE = 0.68; // of black behind a panel
const LONGEST = 40; // characters of a name that are shown
const FONT = '"Inter", system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif';
export const BOLD = 600;
export const REGULAR = 400;

export const short = (name) => {
  const letters = [...name];
  return letters.length <= LONGEST ? name : `${letters.slice(0, LONGEST - 1).join("")}…`;
};

export const percent = (share) => `${Math.round(share * 100)}%`;

export const clamp = (value, low, high) => Math.min(Math.max(value, low), Math.max(low, high));

export class Brush {
  // width, height: of the picture as it is seen, in CSS pixels, which are what it draws in.
  constructor(context, width, height) {
    this.context = context;
    this.width = width;
    this.height = height;
    const least = Math.min(width, height);
    this.line = Math.max(1.5, least / 320);
    this.size = Math.max(11, least / 36);
    this.top = this.size; // where the next panel may start
    this.names = true; // whether tags and panels are drawn
    this.strength = 1; // of all that is drawn
    this.floor = height; // where the lower third ends
  }

  // Draws what follows with this share of its colour.
  alpha(share) {
    this.context.globalAlpha = share * this.strength;
  }

  panel(left, top, width, height) {
    this.alpha(SHADE);
    this.rounded(left, top, width, height, this.size / 2, "#000");
    this.alpha(1);
  }

  rounded(left, top, width, height, radius, colour) {
    const { context } = this;
    context.beginPath();
    context.roundRect(left, top, width, height, radius);
    context.fillStyle = colour;
    context.fill();
  }

  // Letters that begin at x and stand on `base`.
  write(text, x, base, colour, weight, scale = 1) {
    this.context.font = `${weight} ${this.size * scale}px ${FONT}`;
    this.context.fillStyle = colour;
    this.context.fillText(text, x, base);
  }

  wide(text, weight, scale = 1) {
    this.context.font = `${weight} ${this.size * scale}px ${FONT}`;
    return this.context.measureText(text).width;
  }

  stroke(colour, width) {
    this.context.strokeStyle = colour;
    this.context.lineWidth = width;
    this.context.stroke();
  }

  dot(x, y, radius, colour) {
    this.context.beginPath();
    this.context.arc(x, y, radius, 0, 2 * Math.PI);
    this.context.fillStyle = colour;
    this.context.fill();
  }

  // Tints what a path in [0, 1] of a box [x1, y1, x2, y2] in pixels covers, and draws its outline.
  mask(path, [x1, y1, x2, y2], colour, tint) {
    const { context } = this;
    const shape = new Path2D();
    shape.addPath(path, new DOMMatrix([x2 - x1, 0, 0, y2 - y1, x1, y1]));
    context.fillStyle = colour;
    this.alpha(tint);
    context.fill(shape, "evenodd");
    this.alpha(1);
    context.strokeStyle = colour;
    context.lineWidth = this.line;
    context.stroke(shape);
  }
}
