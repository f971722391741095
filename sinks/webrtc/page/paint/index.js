// Who draws which kind of result, in this order: what comes later lies on top.

import { paintCaption } from "./caption.js";
import { paintDetections } from "./detections.js";
import { paintFaceMesh } from "./face_mesh.js";
import { paintLabels } from "./labels.js";
import { paintMesh3d } from "./mesh3d.js";
import { paintMotion } from "./motion.js";
import { paintSegmentation } from "./segmentation.js";
import { paintVeil } from "./veil.js";
import { paintZones } from "./zones.js";

export const PAINTERS = {
  segmentation: paintSegmentation,
  zones: paintZones,
  veil: paintVeil,
  face_mesh: paintFaceMesh,
  detections: paintDetections,
  mesh3d: paintMesh3d,
  labels: paintLabels,
  motion: paintMotion,
  caption: paintCaption,
};

// What is said of the picture as a whole, and stays true for a while: of these an older result may
// be shown, the fainter the older. A box of another picture is in the wrong place.
export const LASTING = new Set(["caption", "labels", "motion"]);
