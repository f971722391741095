// How much of the picture has changed, as a bar.

import { percent } from "../brush.js";
import { colourOf } from "../palette.js";
import { paintBars } from "./labels.js";

export function paintMotion(brush, node, { data }) {
  if (!brush.names || typeof data.share !== "number") return;
  paintBars(brush, node, [{ name: "motion", score: data.share, share: percent(data.share), colour: colourOf(9) }]);
}
