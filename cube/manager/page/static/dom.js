// Elements made and kept. What comes from the cluster becomes text and nothing else: there is no way in here for markup.

import { sign } from "./words.js";

/** An element: attributes (`on…` are listeners, `class` and the like as in HTML), then children, strings as text. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) set(element, name, value);
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

function set(element, name, value) {
  if (typeof value === "function") element.addEventListener(name.slice(2), value);
  else if (value === true) element.setAttribute(name, "");
  else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
}

/** Change a text only where it differs: what did not change is not touched, nor read out again. */
export function text(element, wanted) {
  const words = String(wanted);
  if (element.textContent !== words) element.textContent = words;
}

/** A state as sign and word. */
export function stateBadge(word) {
  const badge = h("span", {}, h("i", { "aria-hidden": "true" }), " ", h("span"));
  showState(badge, word);
  return badge;
}

/** Make a badge say another state. */
export function showState(badge, word) {
  if (badge.dataset.state === word) return;
  badge.dataset.state = word;
  badge.className = `state ${word.replaceAll(" ", "-")}`;
  badge.firstChild.textContent = sign(word);
  badge.lastChild.textContent = word;
}

const SVG = "http://www.w3.org/2000/svg";

/** A bar of what is reserved, with a mark of what is used, of a whole. The words beside it say the same. */
export class Bar {
  constructor() {
    this.element = document.createElementNS(SVG, "svg");
    this.element.setAttribute("class", "gauge");
    this.element.setAttribute("viewBox", "0 0 100 8");
    this.element.setAttribute("preserveAspectRatio", "none");
    this.element.setAttribute("aria-hidden", "true");
    [this.reserved, this.used] = [["reserved", 0, 8], ["used", 5, 3]].map(([name, y, height]) => {
      const part = document.createElementNS(SVG, "rect");
      for (const [key, value] of Object.entries({ class: name, y, height, width: 0 })) part.setAttribute(key, value);
      this.element.append(part);
      return part;
    });
  }

  show(reserved, used, whole) {
    const share = (amount) => (whole ? Math.min(100, (100 * amount) / whole).toFixed(1) : "0");
    for (const [part, amount] of [[this.reserved, reserved], [this.used, used ?? 0]]) {
      const width = share(amount);
      if (part.getAttribute("width") !== width) part.setAttribute("width", width);
    }
    this.element.classList.toggle("full", whole > 0 && reserved > 0.95 * whole);
  }

  /** Show how many of so many are well. */
  rate(well, all) {
    this.show(well, 0, all);
    this.element.classList.remove("full");
    this.element.classList.toggle("well", well === all);
    this.element.classList.toggle("short", well < all);
  }
}

const SQUARES = 12; // of one task: of more there is only the number

/** A square for each slot, by how it stands. The number beside them says it in words. */
export class Squares {
  constructor() {
    this.element = document.createElement("span");
    this.element.className = "squares";
    this.element.setAttribute("aria-hidden", "true");
    this.shown = "";
  }

  show(task) {
    const kinds = task.replicas > 1 && task.replicas <= SQUARES && task.goal === "run" ? standings(task) : [];
    if (kinds.join() === this.shown) return;
    this.shown = kinds.join();
    this.element.replaceChildren(...kinds.map((kind) => h("i", { class: kind })));
  }
}

function standings(task) {
  const kinds = Array(task.replicas).fill("vacant");
  for (const one of task.allocations) {
    if (one.wanted === "remove" || one.slot > kinds.length || ["removed", "lost"].includes(one.phase)) continue;
    kinds[one.slot - 1] = one.ready || one.phase === "completed" ? "well" : ["failed", "exited"].includes(one.phase) || one.health === "unhealthy" ? "ill" : "coming";
  }
  return kinds;
}

/**
 * Rows of a table by key. `make(item)` returns `{ element, show(item) }`; `show` touches what differs.
 * A row that stays is the same element, and one with the focus keeps it.
 */
export class Rows {
  constructor(body, make) {
    this.body = body;
    this.make = make;
    this.kept = new Map();
    body.replaceChildren();
  }

  /** Show these items in this order. `changed`: keys to be looked at again, null all; others stay as they look. */
  show(items, keyOf, changed = null) {
    const focused = this.body.contains(document.activeElement) ? document.activeElement : null;
    const keys = items.map(keyOf);
    this.#keepOnly(new Set(keys));
    let place = this.body.firstElementChild;
    items.forEach((item, index) => {
      const element = this.#row(keys[index], item, changed).element;
      if (place !== element && place?.nextElementSibling === element) {
        place.remove(); // it moves down: taking out one costs less than moving all that follow
        place = element;
      }
      if (place === element) place = element.nextElementSibling;
      else this.body.insertBefore(element, place);
    });
    if (focused?.isConnected && document.activeElement !== focused) focused.focus({ preventScroll: true });
  }

  #row(key, item, changed) {
    let row = this.kept.get(key);
    if (!row) this.kept.set(key, (row = this.make(item)));
    else if (changed !== null && !changed.has(key)) return row;
    row.show(item);
    return row;
  }

  #keepOnly(wanted) {
    for (const [key, row] of this.kept) {
      if (wanted.has(key)) continue;
      row.element.remove();
      this.kept.delete(key);
    }
  }
}
