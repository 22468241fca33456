// What one would type instead, ready to be copied.

import { h, text } from "./dom.js";

const HOME = ["127.0.0.1:5555", "localhost:5555"];

/** A word as a shell takes it. */
export const quoted = (word) => (/^[\w.:=/-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`);

/** The command for this manager. */
export function command(...words) {
  const elsewhere = HOME.includes(location.host) ? [] : ["-m", location.host];
  return ["cube", ...words, ...elsewhere].map(quoted).join(" ");
}

/** A command with a button that copies it. */
export function copyable(line) {
  const button = h("button", { type: "button", class: "quiet", "aria-label": `Copy: ${line}`, onclick: () => copy(line, button) }, "Copy");
  return h("div", { class: "command" }, h("code", {}, line), button);
}

async function copy(line, button) {
  try {
    await navigator.clipboard.writeText(line);
    text(button, "Copied");
  } catch {
    getSelection().selectAllChildren(button.previousElementSibling); // no clipboard without TLS: Ctrl-C does it
    text(button, "Ctrl-C");
  }
  setTimeout(() => text(button, "Copy"), 2000);
}
