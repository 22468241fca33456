// The table of tasks: filtered, in order, and only touched where something changed.

import { h, Rows, showState, Squares, stateBadge, text } from "./dom.js";
import * as place from "./place.js";
import { age, TASK_STATES, taskWord } from "./words.js";

const SHOWN = 1000; // rows at first: more than anybody reads, and what a browser lays out at once

const known = new WeakMap(); // views are never changed, only replaced

/** What is derived from a task's view, once for each view. */
export function about(task) {
  let found = known.get(task);
  if (!found) {
    const present = task.allocations.filter((one) => !["removed", "lost"].includes(one.phase));
    const nodes = [...new Set(present.map((one) => one.node))].sort();
    const labels = Object.entries(task.spec.labels ?? {}).map((pair) => pair.join("="));
    const word = taskWord(task);
    const words = [task.name, task.id, word, task.image, task.reason, ...nodes, ...labels].join(" ").toLowerCase();
    known.set(task, (found = { word, nodes, words }));
  }
  return found;
}

const ORDERS = {
  name: (task) => [task.name],
  state: (task) => [TASK_STATES.indexOf(about(task).word) - (task.ready < task.replicas ? 0.5 : 0), task.name],
  ready: (task) => [task.replicas ? task.ready / task.replicas : 1, -task.replicas, task.name],
  restarts: (task) => [-task.restarts, task.name],
  node: (task) => [about(task).nodes.join(" "), task.name],
  image: (task) => [task.image, task.name],
  age: (task) => [-Date.parse(task.created_at), task.name],
};
const collator = new Intl.Collator([], { numeric: true });

function compare(one, other) {
  for (const [index, value] of one.entries()) {
    const apart = typeof value === "string" ? collator.compare(value, other[index]) : value - other[index];
    if (apart) return apart;
  }
  return 0;
}

/** Whether a task has every word of the filter, and none with a `-` before it. */
export function fits(task, words) {
  const { words: hay } = about(task);
  return words.every((word) => (word.length > 1 && word[0] === "-" ? !hay.includes(word.slice(1)) : hay.includes(word)));
}

/** The tasks to show, in their order: those of the states asked for, else all that are not stopped. */
export function chosen(tasks, { q, states, sort }) {
  const words = q.toLowerCase().split(/\s+/).filter(Boolean);
  const wanted = new Set(states.split(",").filter(Boolean));
  const descending = sort.startsWith("-");
  const order = ORDERS[sort.replace(/^-/, "")] ?? ORDERS.state;
  const found = [];
  for (const task of tasks) {
    const { word } = about(task);
    if ((wanted.size ? wanted.has(word) : word !== "stopped") && fits(task, words)) found.push([order(task), task]);
  }
  found.sort(([one], [other]) => (descending ? -1 : 1) * compare(one, other));
  return found.map(([, task]) => task);
}

export class TaskTable {
  constructor(store) {
    this.store = store;
    this.rows = new Rows(document.querySelector("#task-table tbody"), makeRow);
    this.more = document.getElementById("more");
    this.count = document.getElementById("tasks-count");
    this.shown = SHOWN;
    this.heads = [...document.querySelectorAll("#task-table th[data-sort]")].map(makeSortable);
  }

  /** Show the tasks that fit; `changed` are the ids to look at anew, null for all. */
  show(changed) {
    const where = place.read();
    const tasks = chosen(this.store.tasks.values(), where);
    const some = tasks.slice(0, this.shown);
    this.rows.show(some, (task) => task.id, changed);
    for (const head of this.heads) head(where.sort);
    const total = this.store.tasks.size;
    text(this.count, where.q || where.states ? `${tasks.length} of ${total}` : tasks.length);
    this.#tellOfRest(tasks.length - some.length, total);
  }

  /** Let the ages grow. */
  tick(nowMs) {
    for (const row of this.rows.kept.values()) row.tick(nowMs);
  }

  #tellOfRest(left, total) {
    const words = left ? `${left} more; a filter finds them, or ` : this.rows.kept.size ? "" : total ? "No task fits." : "No tasks yet: cube run busybox echo hello";
    if (this.more.dataset.words === words) return;
    this.more.dataset.words = words;
    const all = () => {
      this.shown = Infinity;
      this.show(null);
    };
    this.more.replaceChildren(words, ...(left ? [h("button", { type: "button", onclick: all }, "show all")] : []));
  }
}

function makeSortable(head) {
  const name = head.dataset.sort;
  const press = () => place.write({ sort: place.read().sort === name ? `-${name}` : name });
  const button = h("button", { type: "button", onclick: press }, head.textContent, h("i", { "aria-hidden": "true" }));
  head.replaceChildren(button);
  return (sort) => {
    const [is, order] = sort.startsWith("-") ? [sort.slice(1), "descending"] : [sort, "ascending"];
    if (is === name) head.setAttribute("aria-sort", order);
    else head.removeAttribute("aria-sort");
  };
}

function makeRow(task) {
  const link = h("a", { href: `/task/${encodeURIComponent(task.id)}`, class: "open", "data-open": `task/${task.id}` });
  const badge = stateBadge("pending");
  const squares = new Squares();
  const cell = (kind) => h("td", kind ? { class: kind } : {});
  const ready = h("span");
  const [restarts, nodes, image, since, reason] = ["number wide", "mid", "wide image", "mid", "reason"].map(cell);
  const element = h("tr", {}, h("th", { scope: "row" }, link), h("td", {}, badge), h("td", { class: "number ready-cell" }, squares.element, ready), restarts, nodes, image, since, reason);
  let created = null;
  const tick = (nowMs) => text(since, age(created, nowMs));
  const show = (view) => {
    const { word, nodes: names } = about(view);
    created = view.created_at;
    element.classList.toggle("trouble", ["failed", "pending"].includes(word));
    text(link, view.name);
    showState(badge, word);
    text(ready, `${view.ready}/${view.replicas}`);
    squares.show(view);
    text(restarts, view.restarts || "");
    text(nodes, names.length > 3 ? `${names.length} nodes` : names.join(", "));
    nodes.title = names.length > 3 ? names.join(", ") : "";
    text(image, view.image);
    image.title = view.image;
    text(reason, view.reason);
    tick(Date.now());
  };
  return { element, show, tick };
}

/** The buttons that show tasks of one state, with how many there are. Returns what brings them up to date. */
export function makeChips(store) {
  const group = document.getElementById("states");
  const chips = TASK_STATES.map((word) => {
    const badge = stateBadge(word);
    const count = h("b");
    const press = () => {
      const states = new Set(place.read().states.split(",").filter(Boolean));
      if (!states.delete(word)) states.add(word);
      place.write({ states: [...states].join(",") });
    };
    const button = h("button", { type: "button", class: "chip", "aria-pressed": "false", onclick: press }, badge, " ", count);
    return { word, button, count };
  });
  group.replaceChildren(...chips.map((chip) => chip.button));
  return () => {
    const counts = {};
    for (const task of store.tasks.values()) counts[about(task).word] = (counts[about(task).word] ?? 0) + 1;
    const pressed = new Set(place.read().states.split(","));
    for (const { word, button, count } of chips) {
      const on = pressed.has(word);
      text(count, counts[word] ?? 0);
      button.hidden = !counts[word] && !on;
      if (button.getAttribute("aria-pressed") !== String(on)) button.setAttribute("aria-pressed", String(on));
    }
  };
}
