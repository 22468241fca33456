// Where the reader is, in the fragment of the URL: filter, states, order, and what is open. A link shows the same.

const DEFAULTS = { q: "", states: "", sort: "state", open: "", tab: "" };

/** What the fragment says; what it leaves out is as by default. */
export function read() {
  const given = new URLSearchParams(location.hash.slice(1));
  return Object.fromEntries(Object.entries(DEFAULTS).map(([name, value]) => [name, given.get(name) ?? value]));
}

/** Change some of it. Opening something is a step to go back from; typing a filter is none. */
export function write(changes) {
  const next = { ...read(), ...changes };
  const told = new URLSearchParams();
  for (const [name, value] of Object.entries(next)) if (value !== DEFAULTS[name]) told.set(name, value);
  const url = `${location.pathname}${told.size ? `#${told}` : ""}`;
  if (url === location.pathname + location.hash) return;
  history["open" in changes ? "pushState" : "replaceState"](null, "", url);
  for (const heard of listeners) heard(next);
}

const listeners = new Set();

/** Call it whenever the place changes, also by the browser's own buttons. */
export function onMove(heard) {
  listeners.add(heard);
}

addEventListener("popstate", () => listeners.forEach((heard) => heard(read())));
addEventListener("hashchange", () => listeners.forEach((heard) => heard(read())));
