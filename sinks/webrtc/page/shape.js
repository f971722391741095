// A face's points in space, turned by hand: three.js, loaded when somebody looks at one.

import { POINTS, LINES } from "./paint/face_mesh.js";
import { colourOf } from "./palette.js";
import { floats } from "./wire.js";

const FIELD = 32; // degrees
const FAR = 2.6; // of the camera, where a face is one high
const REST = 0.35; // radians from the side: depth shows

export class Shape {
  constructor(canvas, three) {
    this.canvas = canvas;
    this.three = three;
    this.turn = { across: REST, down: -0.1 };
    this.renderer = new three.WebGLRenderer({ canvas, antialias: true, alpha: true });
    this.scene = new three.Scene();
    this.camera = new three.PerspectiveCamera(FIELD, 1, 0.1, 20);
    this.camera.position.z = FAR;
    this.pivot = new three.Group();
    this.scene.add(this.pivot);
    this.cloud = new three.Points(new three.BufferGeometry(),
      new three.PointsMaterial({ size: 0.016, vertexColors: true }));
    this.cloud.frustumCulled = false;
    this.pivot.add(this.cloud);
    this.lines = LINES.map(({ points, colour }) => {
      const line = new three.LineLoop(new three.BufferGeometry(), new three.LineBasicMaterial({ color: colourOf(colour) }));
      line.frustumCulled = false;
      line.userData = points;
      this.pivot.add(line);
      return line;
    });
    this.listen();
  }

  // Shows the first face of a result of kind face_mesh. aspect: the picture's width over its height.
  show({ data }, aspect) {
    const faces = floats(data.points);
    if (!faces.length) return;
    const points = upright(faces.at(0), aspect);
    this.set(this.cloud.geometry, points, (n) => shade(points[n * 3 + 2]));
    for (const line of this.lines) {
      line.visible = points.length === 3 * POINTS;
      if (line.visible) this.set(line.geometry, line.userData.flatMap((n) => [...points.subarray(3 * n, 3 * n + 3)]));
    }
    this.draw();
  }

  set(geometry, values, colour) {
    const { BufferAttribute } = this.three;
    const array = Float32Array.from(values);
    const before = geometry.getAttribute("position");
    if (before?.array.length === array.length) {
      before.array.set(array);
      before.needsUpdate = true;
    } else geometry.setAttribute("position", new BufferAttribute(array, 3));
    if (!colour) return;
    const colours = Float32Array.from({ length: array.length }, (_, n) => colour(Math.floor(n / 3))[n % 3]);
    geometry.setAttribute("color", new BufferAttribute(colours, 3));
  }

  draw() {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    if (!width || !height) return;
    this.renderer.setPixelRatio(Math.min(devicePixelRatio, 2));
    this.renderer.setSize(width, height, false);
    this.camera.aspect = width / height;
    this.camera.updateProjectionMatrix();
    this.pivot.rotation.set(this.turn.down, this.turn.across, 0);
    this.renderer.render(this.scene, this.camera);
  }

  // Turned by pointer, and by arrow keys.
  listen() {
    const by = (across, down) => {
      this.turn.across += across;
      this.turn.down = Math.min(1.2, Math.max(-1.2, this.turn.down + down));
      this.draw();
    };
    this.canvas.addEventListener("pointerdown", (event) => this.canvas.setPointerCapture(event.pointerId));
    this.canvas.addEventListener("pointermove", (event) => event.buttons && by(event.movementX / 120, event.movementY / 120));
    const steps = { ArrowLeft: [-0.15, 0], ArrowRight: [0.15, 0], ArrowUp: [0, -0.15], ArrowDown: [0, 0.15] };
    this.canvas.addEventListener("keydown", (event) => {
      if (!(event.key in steps)) return;
      event.preventDefault();
      event.stopPropagation();
      by(...steps[event.key]);
    });
  }
}

// Points around the face's middle, y up, nearer is larger, in heights of the face.
export function upright(face, aspect) {
  const { values } = face;
  const count = face.length;
  const low = [Infinity, Infinity, Infinity];
  const high = [-Infinity, -Infinity, -Infinity];
  const scale = [aspect, -1, -aspect]; // x and z are in widths of the picture, y in heights
  const points = new Float32Array(3 * count);
  for (let n = 0; n < 3 * count; n++) {
    points[n] = values[n] * scale[n % 3];
    low[n % 3] = Math.min(low[n % 3], points[n]);
    high[n % 3] = Math.max(high[n % 3], points[n]);
  }
  const size = Math.max(high[1] - low[1], 1e-6);
  for (let n = 0; n < 3 * count; n++) points[n] = (points[n] - (low[n % 3] + high[n % 3]) / 2) / size;
  return points;
}

// From blue behind to light in front.
function shade(z) {
  const near = Math.min(1, Math.max(0, z * 1.6 + 0.5));
  return [0.28 + 0.68 * near, 0.5 + 0.46 * near, 0.78 + 0.2 * near];
}

export const loadShape = async (canvas) => new Shape(canvas, await import("./vendor/three/three.module.min.js"));
