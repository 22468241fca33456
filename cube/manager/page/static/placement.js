// Why a task runs where it runs, or does not run: GET /task/{ref}/explain, and again whenever the task has changed.

import { get } from "./api.js";
import { command, copyable } from "./commands.js";
import { h, stateBadge } from "./dom.js";
import { slotName } from "./words.js";

const PAUSE_MS = 1000; // explaining looks at every node: not more often than this

export class PlacementPane {
  constructor(task, slot) {
    this.path = `/task/${encodeURIComponent(task.id)}/explain${slot ? `?slot=${slot}` : ""}`;
    this.line = command("why", slotName(task.name, slot));
    this.element = h("div", { class: "placement", "aria-busy": "true" }, h("p", { class: "note" }, "asking"));
    this.show(task);
  }

  /** Ask again, soon, where the task is not as it was. */
  show(task) {
    if (task === this.task) return;
    this.task = task;
    this.timer ??= setTimeout(() => this.#ask(), this.askedAt ? PAUSE_MS : 0);
  }

  close() {
    clearTimeout(this.timer);
    this.closed = true;
  }

  async #ask() {
    this.askedAt = performance.now();
    try {
      const why = await get(this.path);
      if (!this.closed) this.element.replaceChildren(...this.#told(why));
      this.told = true;
    } catch (error) {
      // What was told before stays to be read while the manager is away.
      if (!this.closed && (error.status || !this.told)) this.element.replaceChildren(h("p", { class: "problem" }, error.status ? error.message : "The manager does not answer."));
    }
    this.element.removeAttribute("aria-busy");
    this.timer = null;
  }

  #told(why) {
    const news = (reason) => (reason && !why.answer.includes(reason) ? reason : "");
    const slots = why.slots.filter((slot) => slot.node || news(slot.reason));
    return [
      h("p", { class: "answer" }, why.answer),
      slots.length ? table("Slots", ["Slot", "Stands", "Node", "Why there"], slots.map((slot) =>
        [slot.name, slot.code, slot.node ?? "–", [news(slot.reason), slot.chosen_then].filter(Boolean).join("; ")])) : null,
      ...why.pictures.flatMap((one) => picture(one, news)),
      h("p", { class: "note" }, `strategy ${why.strategy}`),
      copyable(this.line),
    ].filter(Boolean);
  }
}

function picture({ slots, reason, why_chosen: chosen, nodes, remedies }, news) {
  const scored = Object.keys(nodes.find((node) => node.place)?.scores ?? {});
  const rows = nodes.map((node) => [
    node.node,
    node.place ? stateBadge("ready") : stateBadge("failed"),
    node.place ? `${node.place}.` : "–",
    node.place ? scored.map((term) => `${term} ${figure(node.scores?.[term])}`).join(", ") : node.reason,
  ]);
  for (const row of rows) row[1].lastChild.textContent = row[2] === "–" ? "refuses" : "fits";
  const which = slots.length > 5 ? `${slots.length} slots` : `slot ${slots.join(", ")}`;
  return [
    news(reason || chosen) ? h("p", {}, reason || chosen) : null,
    remedies?.length ? h("div", { class: "remedies" }, h("h4", {}, "What would help"), h("ul", {}, remedies.map((one) => h("li", {}, one.message)))) : null,
    table(`Nodes for ${which}`, ["Node", "", "Place", "Why"], rows),
  ];
}

const figure = (value) => (value === null || value === undefined ? "–" : String(Math.round(value * 1000) / 1000));

/** A small table with a caption. */
export function table(caption, columns, rows) {
  return h("div", { class: "scroll" }, h("table", { class: "small" },
    h("caption", {}, caption),
    h("thead", {}, h("tr", {}, columns.map((name) => (name ? h("th", { scope: "col" }, name) : h("th", { scope: "col", "aria-label": "State" }))))),
    h("tbody", {}, rows.map(([head, ...cells]) => h("tr", {}, h("th", { scope: "row" }, head), cells.map((cell) => h("td", {}, cell)))))));
}
