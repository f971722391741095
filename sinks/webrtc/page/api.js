// What the server says: about its streams and graph, about events, about recordings.

// The page lies at /view/; everything else lies beside it, whatever stands in front.
const ROOT = new URL("../", import.meta.url);

export const address = (path) => new URL(path, ROOT);

export class Refused extends Error {
  constructor(path, status, why) {
    super(why ? `${path}: ${status}, ${why}` : `${path}: ${status}`);
    this.status = status;
    this.why = why;
  }
}

const PATIENCE_MS = 5000;

// The JSON that lies at a path. Raises Refused if the server says no.
export async function read(path, signal = AbortSignal.timeout(PATIENCE_MS)) {
  const response = await fetch(address(path), { cache: "no-store", signal });
  if (!response.ok) throw new Refused(path, response.status, await said(response));
  return response.json();
}

// The server's own words about a refusal, as far as they are worth showing.
export async function said(response) {
  const text = await response.text().catch(() => "");
  try {
    const detail = JSON.parse(text).detail;
    return typeof detail === "string" ? detail.slice(0, 200) : "";
  } catch {
    return response.headers.get("content-type")?.startsWith("text/plain") ? text.slice(0, 200) : "";
  }
}

// Reads a path again and again, `every` milliseconds after the last answer, while the page is seen.
// heard(answer, error): one of them.
export function poll(path, every, heard) {
  let timer;
  const again = async () => {
    clearTimeout(timer);
    try {
      const sent = performance.now();
      const answer = await read(path);
      heard(answer, null, { sent, got: performance.now() });
    } catch (error) {
      heard(null, error);
    }
    if (!document.hidden) timer = setTimeout(again, every);
  };
  document.addEventListener("visibilitychange", () => !document.hidden && again());
  again();
}

const pause = (ms) => new Promise((go) => setTimeout(go, ms));

// Calls heard(event) for each event of the pipeline, for ever; none twice, though the last ones
// come again with each new connection.
export async function listen(heard) {
  const seen = new Set();
  for (let wait = 500; ; wait = Math.min(2 * wait, 20000)) {
    try {
      const response = await fetch(address("api/events"), { cache: "no-store" });
      if (!response.ok) throw new Refused("api/events", response.status, await said(response));
      for await (const data of serverSent(response.body)) {
        wait = 500;
        if (seen.has(data)) continue;
        seen.add(data);
        if (seen.size > 2000) seen.delete(seen.values().next().value);
        heard(JSON.parse(data));
      }
    } catch (error) {
      console.warn("events:", error.message);
    }
    await pause(wait);
  }
}

// The data of each server-sent event, whatever its name. EventSource gives only names that it was
// told of, and a stage of somebody's own may announce any.
async function* serverSent(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  let data = [];
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    const lines = (text + value).split(/\r\n|\n|\r/);
    text = lines.pop();
    for (const line of lines) {
      if (line.startsWith("data:")) data.push(line.slice(5).replace(/^ /, ""));
      else if (line === "" && data.length) {
        yield data.join("\n");
        data = [];
      }
    }
  }
}
