// What a viewer has chosen, kept in this browser.

const KEY = "framewire.viewer";
const DEFAULTS = {
  off: {}, // nodes that are not drawn, by name
  overlays: true, // whether anything is drawn
  opacity: 1, // of all that is drawn
  names: true, // tags, legends and counts
  older: false, // boxes of an earlier picture too, faded
  timing: "match", // "match": the picture waits for its results; "live": it waits for nothing
  shortcuts: true, // whether single keys do something
};

const listeners = new Set();

export const settings = { ...DEFAULTS, ...read() };

function read() {
  try {
    const kept = JSON.parse(localStorage.getItem(KEY) ?? "{}");
    return Object.fromEntries(Object.entries(kept).filter(([key, value]) => typeof value === typeof DEFAULTS[key]));
  } catch {
    return {}; // storage is forbidden, or holds something else: begin with the defaults
  }
}

export function change(changes) {
  Object.assign(settings, changes);
  try {
    localStorage.setItem(KEY, JSON.stringify(settings));
  } catch {
    // Storage is forbidden or full: what was chosen holds until the page is left.
  }
  for (const listener of listeners) listener(settings);
}

// Calls a listener with the settings, now and whenever they change.
export function follow(listener) {
  listeners.add(listener);
  listener(settings);
}
