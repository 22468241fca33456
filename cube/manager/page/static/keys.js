// The keyboard: everything that the mouse can do, by the keys that such tables have elsewhere.

import { h } from "./dom.js";
import * as place from "./place.js";

const KEYS = [
  ["/", "filter the tasks"],
  ["j k, ↓ ↑", "next and previous row"],
  ["Enter", "open what is selected"],
  ["Esc", "close, or clear the filter"],
  ["[ ]", "previous and next tab of what is open"],
  ["?", "this help"],
];

/** Listen to the keys. */
export function listen() {
  const help = h(
    "dialog",
    { class: "help", "aria-labelledby": "help-title" },
    h("h2", { id: "help-title" }, "Keys"),
    h("dl", {}, KEYS.map(([keys, words]) => h("div", {}, h("dt", {}, h("kbd", {}, keys)), h("dd", {}, words)))),
    h("form", { method: "dialog" }, h("button", { autofocus: true }, "Close")),
  );
  document.body.append(help);
  document.getElementById("help").addEventListener("click", () => help.showModal());
  const filter = document.getElementById("filter");
  const actions = {
    "/": () => (filter.focus(), filter.select()),
    j: () => step(1),
    ArrowDown: () => step(1),
    k: () => step(-1),
    ArrowUp: () => step(-1),
    "[": () => turn(-1),
    "]": () => turn(1),
    "?": () => help.showModal(),
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    const typing = event.target.closest("input, select, textarea, [role=log]");
    if (event.key === "Escape") return void escape(filter);
    if (event.target === filter && event.key === "ArrowDown") return void (event.preventDefault(), step(1));
    if (typing || event.target.closest("[role=tablist]") || !(event.key in actions)) return;
    event.preventDefault();
    actions[event.key]();
  });
}

/** Select the row so many further on: in the table with the focus, else in that of the tasks. */
function step(by) {
  const table = document.activeElement.closest("table") ?? document.getElementById("task-table");
  const links = [...table.querySelectorAll("a.open")];
  const at = links.indexOf(document.activeElement.closest("tr")?.querySelector("a.open"));
  const next = links[Math.max(0, Math.min(links.length - 1, at < 0 ? 0 : at + by))];
  next?.focus();
  next?.scrollIntoView({ block: "nearest" });
}

function turn(by) {
  const tabs = [...document.querySelectorAll("#drawer [role=tab]")];
  const at = tabs.findIndex((tab) => tab.getAttribute("aria-selected") === "true");
  tabs[(at + by + tabs.length) % tabs.length]?.click();
}

function escape(filter) {
  if (place.read().open) place.write({ open: "", tab: "" });
  else if (document.activeElement === filter && filter.value) place.write({ q: "" });
  else document.activeElement.blur();
}
