// The live pictures of all streams, read from one multipart response, each drawn on its tile.
// A tile is live while pictures come. What has not moved for STALE_MS is marked, whatever the
// reason: a camera that went away, a server that stopped, a network that broke.

const STALE_MS = 2000;
const AGAIN_MS = [300, 5000]; // the first wait before connecting again, and the longest

const page = document.getElementById("streams");
const link = document.getElementById("link");
const news = document.getElementById("news");

class Tile {
  constructor(name) {
    const root = document.getElementById("tile").content.cloneNode(true).firstElementChild;
    this.name = name;
    this.root = root;
    this.canvas = root.querySelector("canvas");
    this.screen = this.canvas.getContext("bitmaprenderer");
    this.seen = null; // performance.now() at which its latest picture was new
    this.arrivals = [];
    this.next = null;
    this.drawing = false;
    this.canvas.setAttribute("aria-label", `Picture of ${name}`);
    root.querySelector("h2").textContent = name;
    const button = root.querySelector(".full");
    button.setAttribute("aria-label", `Show ${name} on the full screen`);
    button.addEventListener("click", () =>
      document.fullscreenElement ? document.exitFullscreen() : root.requestFullscreen(),
    );
  }

  // Draws the newest picture; one that comes while another is drawn takes the place of any waiting.
  async show(jpeg, age) {
    this.next = { jpeg, seen: performance.now() - age };
    if (this.drawing) return;
    this.drawing = true;
    try {
      while (this.next) {
        const { jpeg: data, seen } = this.next;
        this.next = null;
        const bitmap = await createImageBitmap(new Blob([data], { type: "image/jpeg" }));
        this.canvas.width = bitmap.width;
        this.canvas.height = bitmap.height;
        this.screen.transferFromImageBitmap(bitmap);
        this.seen = seen;
        this.arrivals.push(performance.now());
        this.look();
      }
    } finally {
      this.drawing = false;
    }
  }

  // Brings the tile's words and marks up to date.
  look() {
    const now = performance.now();
    const still = this.seen === null ? null : now - this.seen;
    const state = still === null ? "waiting" : still > STALE_MS ? "stale" : "live";
    while (this.arrivals.length && now - this.arrivals[0] > 2000) this.arrivals.shift();
    put(this.root.querySelector(".rate"), state === "live" ? `${Math.round(this.arrivals.length / 2)} fps` : "");
    put(this.root.querySelector(".mark"), state === "stale" ? `No new picture for ${ago(still)}` : "Waiting for the first picture");
    if (state === this.root.dataset.state && this.told) return;
    if (this.told && state !== "waiting") tell(state === "live" ? `${this.name} is live` : `${this.name}: the picture has stopped`);
    this.told = true;
    this.root.dataset.state = state;
    put(this.root.querySelector(".state"), state);
  }
}

const put = (element, text) => {
  if (element.textContent !== text) element.textContent = text;
};

const tell = (text) => {
  news.textContent = text;
};

const ago = (ms) => {
  const s = Math.floor(ms / 1000);
  if (s < 60) return `${s} s`;
  return s < 3600 ? `${Math.floor(s / 60)} min ${s % 60} s` : `${Math.floor(s / 3600)} h ${Math.floor(s / 60) % 60} min`;
};

// Gives the head (as an object, names in small letters) and the body of each part.
async function* parts(stream) {
  const reader = stream.getReader();
  const text = new TextDecoder();
  let have = new Uint8Array(0);
  const more = async () => {
    const { done, value } = await reader.read();
    if (done) return false;
    const both = new Uint8Array(have.length + value.length);
    both.set(have);
    both.set(value, have.length);
    have = both;
    return true;
  };
  const line = async () => {
    for (;;) {
      const end = have.indexOf(10);
      if (end >= 0) {
        const found = text.decode(have.subarray(0, end)).trim();
        have = have.subarray(end + 1);
        return found;
      }
      if (!(await more())) return null;
    }
  };
  for (;;) {
    const head = {};
    for (let row = await line(); row !== "" || !("content-length" in head); row = await line()) {
      if (row === null) return;
      const colon = row.indexOf(":");
      if (colon > 0) head[row.slice(0, colon).toLowerCase()] = row.slice(colon + 1).trim();
    }
    const size = Number(head["content-length"]);
    while (have.length < size) if (!(await more())) return;
    yield [head, have.slice(0, size)];
    have = have.subarray(size);
  }
}

const tiles = new Map(
  page.dataset.streams.split(" ").filter(Boolean).map((name) => [name, new Tile(name)]),
);
for (const tile of tiles.values()) page.append(tile.root);

link.hidden = false;
let stop = new AbortController();

async function watch() {
  const response = await fetch("streams.mjpeg", { signal: stop.signal, cache: "no-store" });
  if (!response.ok) throw new Error(`streams.mjpeg: ${response.status}`);
  link.dataset.state = "on";
  put(link, "connected");
  for await (const [head, jpeg] of parts(response.body)) {
    tiles.get(head["x-framewire-stream"])?.show(jpeg, Number(head["x-framewire-age-ms"])).catch(console.warn);
  }
}

const until = (event, ready) =>
  new Promise((go) => {
    const check = () => ready() && (document.removeEventListener(event, check), go());
    document.addEventListener(event, check);
    check();
  });

// Nobody looks at a hidden page: let go, so that nothing is encoded for it.
document.addEventListener("visibilitychange", () => {
  if (document.hidden) stop.abort();
});

setInterval(() => tiles.forEach((tile) => tile.look()), 250);

for (let wait = AGAIN_MS[0]; ; wait = Math.min(wait * 2, AGAIN_MS[1])) {
  const began = performance.now();
  try {
    await watch();
  } catch (error) {
    if (error.name !== "AbortError") console.warn(error);
  }
  link.dataset.state = "off";
  put(link, document.hidden ? "paused" : "not connected, trying again");
  if (document.hidden) await until("visibilitychange", () => !document.hidden);
  stop = new AbortController();
  if (performance.now() - began > 10000) wait = AGAIN_MS[0];
  await new Promise((go) => setTimeout(go, wait));
}
