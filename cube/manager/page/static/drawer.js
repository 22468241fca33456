// What is known of one task, one of its slots, or one node, beside the tables. Which is in the URL: open=task/ID/SLOT.

import { nodeActions, taskActions } from "./actions.js";
import { command, copyable } from "./commands.js";
import { h, Rows, showState, stateBadge, text } from "./dom.js";
import { LogPane } from "./logs.js";
import { Amount, labelWords } from "./overview.js";
import * as place from "./place.js";
import { PlacementPane } from "./placement.js";
import { TimelinePane } from "./timeline.js";
import { age, cores, dateTime, nodeWord, phaseWord, size, slotName, taskWord } from "./words.js";

const TABS = {
  task: { overview: ["Overview", TaskPane], timeline: ["Timeline", TimelinePane], placement: ["Placement", PlacementPane], logs: ["Logs", LogPane] },
  node: { overview: ["Overview", NodePane], slots: ["Slots", SlotsPane] },
};

export class Drawer {
  constructor(store) {
    this.store = store;
    this.element = document.getElementById("drawer");
    this.opened = "";
  }

  /** Show what the URL says is open, as it is now. */
  show() {
    const { open, tab } = place.read();
    const [subject, id, slot] = open.split("/");
    const item = this.store[`${subject}s`]?.get?.(id);
    if (!(subject in TABS) || (!item && this.store.complete && !this.item)) return this.#shut();
    if (!item) return void (this.item && this.#tellGone());
    this.item = item;
    const chosen = tab in TABS[subject] ? tab : "overview";
    const shown = `${open} ${chosen}`;
    if (shown !== this.shown) this.#fill(open, subject, item, Number(slot) || 0, chosen);
    this.shown = shown;
    this.#head(subject, item);
    this.pane.show?.(item);
  }

  #fill(open, subject, item, slot, chosen) {
    this.pane?.close?.();
    const isNew = open !== this.opened;
    if (isNew && !this.opened) this.before = document.activeElement;
    this.opened = open;
    const [, Pane] = TABS[subject][chosen];
    this.pane = new Pane(item, slot, this.store);
    this.badge = stateBadge("pending");
    this.reason = h("p", { class: "why" });
    this.actions = h("div", { class: "buttons", role: "group", "aria-label": "Actions" });
    this.possible = "";
    const close = h("button", { type: "button", class: "quiet", "aria-label": "Close", "aria-keyshortcuts": "Escape", onclick: () => place.write({ open: "", tab: "" }) }, "✕");
    const panel = h("div", { id: "panel", role: "tabpanel", "aria-labelledby": `tab-${chosen}`, class: "panel" }, this.pane.element);
    const kind = h("span", { class: "kind" }, subject);
    this.element.replaceChildren(
      h("div", { class: "drawer-head" }, h("h2", { id: "drawer-title" }, kind, " ", slotName(item.name, slot)), this.badge, close),
      this.reason, this.actions, subject === "task" ? slotChoice(item, slot) : "", tabs(subject, chosen), panel);
    this.element.hidden = false;
    document.body.classList.add("opened");
    if (isNew) this.element.focus();
  }

  #head(subject, item) {
    showState(this.badge, subject === "task" ? taskWord(item) : nodeWord(item));
    text(this.reason, subject === "task" ? item.reason : item.quarantine || item.runtime_error);
    this.reason.hidden = !this.reason.textContent;
    const possible = subject === "task" ? `${item.goal} ${item.replicas} ${item.ready}` : `${item.availability} ${item.allocations}`;
    if (possible === this.possible || this.actions.contains(document.activeElement)) return;
    this.possible = possible;
    const stopped = subject === "task" && item.goal === "stop";
    this.actions.replaceChildren(...(subject === "node" ? nodeActions(item) : stopped ? [] : taskActions(item)));
  }

  #tellGone() {
    text(this.reason, "It is gone; this is how it was last.");
    this.reason.hidden = false;
    this.actions.replaceChildren();
  }

  #shut() {
    if (!this.opened) return;
    this.pane.close?.();
    this.opened = this.shown = "";
    this.item = this.pane = null;
    this.element.hidden = true;
    this.element.replaceChildren();
    document.body.classList.remove("opened");
    if (this.before?.isConnected) this.before.focus();
  }
}

function tabs(subject, chosen) {
  const names = Object.keys(TABS[subject]);
  const move = (event) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    const next = names[(names.indexOf(chosen) + by + names.length) % names.length];
    place.write({ tab: next === "overview" ? "" : next });
    document.getElementById(`tab-${next}`).focus();
  };
  return h("div", { role: "tablist", "aria-label": "What is known of it", onkeydown: move }, names.map((name) => h("button", {
    type: "button", role: "tab", id: `tab-${name}`, "aria-selected": String(name === chosen), "aria-controls": "panel",
    tabindex: name === chosen ? "0" : "-1", onclick: () => place.write({ tab: name === "overview" ? "" : name }),
  }, TABS[subject][name][0])));
}

function slotChoice(task, slot) {
  const numbers = [...new Set([...task.allocations, ...task.waiting].map((one) => one.slot))].sort((one, other) => one - other);
  if (numbers.length < 2 && !slot) return "";
  const choose = (event) => place.write({ open: `task/${task.id}${event.target.value}` });
  return h("label", { class: "slot" }, "Slot ", h("select", { onchange: choose }, h("option", { value: "" }, "all"),
    numbers.map((number) => h("option", { value: `/${number}`, selected: number === slot }, slotName(task.name, number)))));
}

/** A list of facts: names and values, touched where they differ. */
function facts() {
  const kept = new Map();
  const element = h("dl", { class: "pairs" });
  return { element, show: (pairs) => {
    for (const [name, value] of pairs) {
      if (!kept.has(name)) element.append(h("div", {}, h("dt", {}, name), (kept.set(name, h("dd")), kept.get(name))));
      text(kept.get(name), value);
    }
  } };
}

function TaskPane(task, slot) {
  const told = facts();
  const body = h("tbody");
  const rows = new Rows(body, slotRow);
  const heads = ["Slot", "State", "Node", "Restarts", "Since", "Ports", "Why"].map((name) => h("th", { scope: "col" }, name));
  const slots = h("div", { class: "scroll" }, h("table", { class: "small" }, h("caption", {}, "Slots"), h("thead", {}, h("tr", {}, heads)), body));
  const lines = [["status", task.name], ["logs", "-f", task.name], ["why", slotName(task.name, slot)]].map((words) => copyable(command(...words)));
  this.element = h("div", {}, told.element, slots, h("h3", {}, "On the command line"), lines);
  this.show = (view) => {
    const { spec } = view;
    told.show([
      ["image", view.image], ["ready", `${view.ready} of ${view.replicas}`], ["restarts", view.restarts], ["revision", view.revision],
      ["each reserves", `${cores(spec.cpu_millis ?? 0)} cores, ${size(spec.memory_bytes ?? 0)}`], ["command", (spec.command ?? []).join(" ") || "the image's"],
      ["created", dateTime(view.created_at)], ["id", view.id],
    ]);
    const shown = [...view.waiting.map((one) => ({ ...one, id: one.name, waits: true })), ...view.allocations].filter((one) => !slot || one.slot === slot);
    rows.show(shown.sort((one, other) => one.slot - other.slot), (one) => one.id);
  };
}

function slotRow() {
  const link = h("a");
  const badge = stateBadge("waiting");
  const cells = ["", "number", "", "", "reason"].map((kind) => h("td", { class: kind }));
  const [node, restarts, since, ports, why] = cells;
  const element = h("tr", {}, h("th", { scope: "row" }, link), h("td", {}, badge), cells);
  return { element, show: (one) => {
    text(link, one.name);
    if (one.task_id) {
      link.href = `/task/${encodeURIComponent(one.task_id)}`;
      link.dataset.open = `task/${one.task_id}/${one.slot}`;
    }
    showState(badge, one.waits ? "waiting" : phaseWord(one));
    text(node, one.node ?? "–");
    text(restarts, one.restarts || "");
    text(since, age(one.started_at, Date.now()));
    text(ports, (one.ports ?? []).map((port) => `${port.host_ip || "*"}:${port.host_port}→${port.container_port}`).join(" "));
    text(why, one.reason);
  } };
}

function NodePane(node) {
  const told = facts();
  const amounts = [["CPU", "cpu_millis", cores], ["Memory", "memory_bytes", size], ["Disk", "disk_bytes", size]].map(([name, field, words]) => ({ name, amount: new Amount(field, words) }));
  const gauges = h("table", { class: "small" }, h("caption", {}, "Reserved, with a line for what is used"), h("tbody", {}, amounts.map(({ name, amount }) => h("tr", {}, h("th", { scope: "row" }, name), amount.cell))));
  const lines = [["node", "show", node.name], ["status"]].map((words) => copyable(command(...words)));
  this.element = h("div", {}, gauges, told.element, h("h3", {}, "On the command line"), lines);
  this.show = (view) => {
    for (const { amount } of amounts) amount.show(view);
    told.show([
      ["availability", view.availability], ["condition", view.condition], ["heard", view.heard_ms_ago === null ? "not since the manager started" : `${(view.heard_ms_ago / 1000).toFixed(1)} s before it was told`],
      ["slots", view.allocations], ["engine", `${view.runtime} ${view.engine_version}`], ["worker", view.cube_version], ["platform", view.platform],
      ["address", view.address || "–"], ["labels", labelWords(view.labels) || "none"], ["joined", dateTime(view.joined_at)], ["id", view.id],
    ]);
  };
}

function SlotsPane(node, _, store) {
  const body = h("tbody");
  const rows = new Rows(body, slotRow);
  const heads = ["Slot", "State", "Node", "Restarts", "Since", "Ports", "Why"].map((name) => h("th", { scope: "col" }, name));
  this.element = h("div", { class: "scroll" }, h("table", { class: "small" }, h("caption", {}, "Slots on it"), h("thead", {}, h("tr", {}, heads)), body));
  this.show = () => {
    const found = [...store.tasks.values()].flatMap((task) => task.allocations).filter((one) => one.node_id === node.id && one.phase !== "removed");
    rows.show(found.sort((one, other) => one.name.localeCompare(other.name, [], { numeric: true })), (one) => one.id);
  };
}
