// The panel in which the large stream's faces stand in space: the points of a mesh, or a solid shape.

import { address } from "./api.js";
import { attribute, byId, put } from "./dom.js";
import { readGlb } from "./glb.js";
import { loadShape } from "./shape.js";

const BUTTONS = { face_mesh: "mesh-button", mesh3d: "solid-button" };

export class Space {
  constructor() {
    this.kind = null; // which is shown
    this.shape = null;
    this.file = null; // the solid shape that is shown, or being fetched
    for (const [kind, id] of Object.entries(BUTTONS)) byId(id).addEventListener("click", () => this.toggle(kind));
  }

  async toggle(kind) {
    this.kind = this.kind === kind ? null : kind;
    this.file = null;
    byId("shape").hidden = this.kind === null;
    for (const [each, id] of Object.entries(BUTTONS)) attribute(byId(id), "aria-expanded", String(each === this.kind));
    if (this.kind === null || this.shape) return;
    try {
      this.shape = await loadShape(byId("shape-canvas"));
    } catch (error) {
      put(byId("shape-note"), `This browser shows no shapes in space: ${error.message}`);
    }
  }

  // Offers what the stream has. tile: the one shown large, or null
  look(tile) {
    const kinds = new Set([...(tile?.watch.moments.newest.values() ?? [])].map(({ kind }) => kind));
    for (const [kind, id] of Object.entries(BUTTONS)) byId(id).hidden = !kinds.has(kind);
    byId("about-shape").hidden = !Object.keys(BUTTONS).some((kind) => kinds.has(kind));
    if (!tile || !this.shape) return;
    if (this.kind === "mesh3d") this.solid(tile);
  }

  // Takes what was said about the picture that is on the screen.
  hear(tile, moment) {
    if (this.kind !== "face_mesh" || !this.shape) return;
    for (const { kind, data } of moment.said.values()) {
      if (kind === "face_mesh") this.shape.showMesh(data, tile.video.videoWidth / tile.video.videoHeight);
    }
  }

  // Fetches the newest solid shape, one at a time: it has a megabyte.
  async solid(tile) {
    const newest = [...tile.watch.moments.newest.values()].find(({ kind }) => kind === "mesh3d");
    const path = newest?.data.files.flat().find((file) => file.endsWith(".glb"));
    const file = path?.split(/[/\\]/).pop();
    if (!file || file === this.file || this.fetching) return;
    this.fetching = true;
    this.file = file;
    try {
      const response = await fetch(address(`streams/${encodeURIComponent(tile.name)}/shapes/${encodeURIComponent(file)}`));
      if (!response.ok) throw new Error(`${file}: ${response.status}`);
      this.shape.showSolid(readGlb(await response.arrayBuffer()));
      put(byId("shape-note"), "Drag to turn.");
    } catch (error) {
      put(byId("shape-note"), `This shape cannot be shown: ${error.message}`);
    } finally {
      this.fetching = false;
    }
  }
}
