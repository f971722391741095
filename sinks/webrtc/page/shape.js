// A face in space, turned by hand: three.js, loaded when somebody looks at one.

import { triangulate } from "./delaunay.js";
import { LINES, POINTS } from "./paint/face_mesh.js";
import { colourOf } from "./palette.js";
import { floats } from "./wire.js";

const FIELD = 32; // degrees
const FAR = 2.6; // of the camera, where a face is one high
const SIDE = 0.35; // radians from the front at first: depth shows
const [NOSE, LEFT, RIGHT] = [1, 234, 454]; // points of the mesh: tip of the nose, ends of the cheeks
const FRONTAL = 0.25; // how far from the middle, in widths, the nose is in a face seen from the front

export class Shape {
  constructor(canvas, three) {
    this.canvas = canvas;
    this.three = three;
    this.turn = { across: SIDE, down: -0.1 };
    this.renderer = new three.WebGLRenderer({ canvas, antialias: true, alpha: true });
    this.scene = new three.Scene();
    this.camera = new three.PerspectiveCamera(FIELD, 1, 0.1, 20);
    this.camera.position.z = FAR;
    const light = new three.DirectionalLight(0xffffff, 2.2);
    light.position.set(-1, 1.2, 2);
    this.scene.add(light, new three.AmbientLight(0x8fb0d0, 0.9));
    this.mesh = new three.Group();
    this.solid = new three.Group();
    this.scene.add(this.mesh, this.solid);
    this.build();
    this.listen();
  }

  build() {
    const { three } = this;
    const skin = new three.MeshLambertMaterial({ color: 0x3a5068, side: three.DoubleSide, polygonOffset: true, polygonOffsetFactor: 1 });
    this.surface = new three.Mesh(new three.BufferGeometry(), skin);
    this.cloud = new three.Points(new three.BufferGeometry(), new three.PointsMaterial({ size: 0.011, color: 0xcfe0f0 }));
    this.lines = LINES.map(({ points, colour }) => {
      const line = new three.LineLoop(new three.BufferGeometry(), new three.LineBasicMaterial({ color: colourOf(colour) }));
      line.userData = points;
      return line;
    });
    for (const part of [this.surface, this.cloud, ...this.lines]) part.frustumCulled = false;
    this.mesh.add(this.surface, this.cloud, ...this.lines);
    this.model = new three.Mesh(new three.BufferGeometry(), new three.MeshLambertMaterial({ vertexColors: true }));
    this.solid.add(this.model);
  }

  // Shows the first face of a result of kind face_mesh. aspect: the picture's width over its height.
  showMesh({ points: faces }, aspect) {
    const all = floats(faces);
    if (!all.length) return;
    const points = upright(all.at(0), aspect);
    const whole = points.length === 3 * POINTS;
    set(this.three, this.cloud.geometry, points);
    set(this.three, this.surface.geometry, points);
    if (whole && !this.surface.geometry.index && frontal(points)) this.surface.geometry.setIndex(triangulate(points));
    this.surface.visible = this.surface.geometry.index !== null;
    if (this.surface.visible) this.surface.geometry.computeVertexNormals();
    for (const line of this.lines) {
      line.visible = whole;
      if (whole) set(this.three, line.geometry, line.userData.flatMap((n) => [...points.subarray(3 * n, 3 * n + 3)]));
    }
    this.only(this.mesh);
  }

  // Shows a solid face, as readGlb gives it.
  showSolid({ POSITION, NORMAL, COLOR_0, indices }) {
    const { BufferAttribute, BufferGeometry } = this.three;
    const geometry = new BufferGeometry();
    const attributes = { position: POSITION, normal: NORMAL, color: COLOR_0 };
    for (const [name, values] of Object.entries(attributes)) {
      if (values) geometry.setAttribute(name, new BufferAttribute(values, 3));
    }
    geometry.setIndex(new BufferAttribute(indices, 1));
    geometry.center();
    geometry.computeBoundingBox();
    const { min, max } = geometry.boundingBox;
    geometry.scale(...Array(3).fill(1 / Math.max(max.y - min.y, 1e-6)));
    this.model.geometry.dispose();
    this.model.geometry = geometry;
    this.only(this.solid);
  }

  only(group) {
    for (const each of [this.mesh, this.solid]) each.visible = each === group;
    this.draw();
  }

  draw() {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    if (!width || !height) return;
    this.renderer.setPixelRatio(Math.min(devicePixelRatio, 2));
    this.renderer.setSize(width, height, false);
    this.camera.aspect = width / height;
    this.camera.updateProjectionMatrix();
    for (const group of [this.mesh, this.solid]) group.rotation.set(this.turn.down, this.turn.across, 0);
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

function set(three, geometry, values) {
  const before = geometry.getAttribute("position");
  if (before?.array.length !== values.length) {
    geometry.setAttribute("position", new three.BufferAttribute(Float32Array.from(values), 3));
  } else {
    before.array.set(values);
    before.needsUpdate = true;
  }
}

// Points around the face's middle, y up, nearer is larger, in heights of the face.
export function upright(face, aspect) {
  const { values } = face;
  const scale = [aspect, -1, -aspect]; // x and z are in widths of the picture, y in heights
  const points = Float32Array.from(values, (value, n) => value * scale[n % 3]);
  const low = [Infinity, Infinity, Infinity];
  const high = [-Infinity, -Infinity, -Infinity];
  points.forEach((value, n) => {
    low[n % 3] = Math.min(low[n % 3], value);
    high[n % 3] = Math.max(high[n % 3], value);
  });
  const size = Math.max(high[1] - low[1], 1e-6);
  return points.map((value, n) => (value - (low[n % 3] + high[n % 3]) / 2) / size);
}

// Whether a face looks at the camera, so that its points lie beside each other as on its skin.
function frontal(points) {
  const [nose, left, right] = [NOSE, LEFT, RIGHT].map((n) => points[3 * n]);
  return Math.abs(nose - (left + right) / 2) < FRONTAL * Math.abs(right - left);
}

export const loadShape = async (canvas) => new Shape(canvas, await import("./vendor/three/three.module.min.js"));
