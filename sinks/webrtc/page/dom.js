// Elements of the page. Text that came from elsewhere becomes text, never markup.

const SVG = "http://www.w3.org/2000/svg";

// An element with attributes and children; what is not an element becomes text. An attribute of
// null or false is left out, one of true is empty; a function is a listener ("onclick").
export function element(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

export function drawing(tag, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, tag), attributes, children);
}

function filled(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") made.addEventListener(name.slice(2), value);
    else if (value !== null && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

export const icon = (name) =>
  drawing("svg", { class: "icon", "aria-hidden": "true" }, drawing("use", { href: `#${name}` }));

// A button with an icon, named for those who do not see it and for those who point at it.
export const iconButton = (name, label, onclick, more = {}) =>
  element("button", { type: "button", class: "tool", "aria-label": label, title: label, onclick, ...more }, icon(name));

// Changes a text only if it is another one, so that nothing is laid out or read out for nothing.
export function put(target, text) {
  if (target.textContent !== text) target.textContent = text;
}

export function attribute(target, name, value) {
  if (value === null) target.removeAttribute(name);
  else if (target.getAttribute(name) !== value) target.setAttribute(name, value);
}

// Says something to those who do not see it.
export const tell = (text) => put(document.getElementById("news"), text);

export const byId = (id) => document.getElementById(id);
