// Single keys, which whoever uses a screen reader or speech can switch off.

import { byId } from "./dom.js";
import { settings } from "./settings.js";

// actions: by key, what it does; they are listed in the page's help
export function bind(actions) {
  document.addEventListener("keydown", (event) => {
    if (!settings.shortcuts || event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return;
    if (byId("help").open && event.key !== "?") return;
    if (event.target.closest("input, select, textarea, video[controls]")) return;
    const action = actions[event.key] ?? actions[event.key.toLowerCase()] ?? digit(event.key, actions);
    if (!action) return;
    event.preventDefault();
    action();
  });
}

const digit = (key, actions) => (/^[1-9]$/.test(key) ? () => actions.digit(Number(key)) : null);
