// What is seen at first sight: the counts, what is wrong, the machines, and what happened.

import { Bar, h, Rows, showState, stateBadge, text } from "./dom.js";
import { about } from "./tasks.js";
import { cores, nodeWord, size, slotName, timeOfDay } from "./words.js";

/** The counts at the top. Returns what brings them up to date. */
export function makeTiles(store) {
  const section = document.getElementById("tiles");
  const tile = (name, bar) => {
    const figure = h("strong");
    const words = h("span");
    section.append(h("div", { class: "tile" }, h("h2", {}, name), h("p", {}, figure, " ", words), bar?.element));
    return (main, rest) => (text(figure, main), text(words, rest));
  };
  const [nodesBar, tasksBar, replicasBar, cpuBar, memoryBar] = Array.from({ length: 5 }, () => new Bar());
  const [nodes, tasks, replicas] = [tile("Nodes", nodesBar), tile("Tasks", tasksBar), tile("Replicas", replicasBar)];
  const [cpu, memory] = [tile("CPU reserved", cpuBar), tile("Memory reserved", memoryBar)];
  section.hidden = false;
  return () => {
    const all = [...store.nodes.values()];
    const ready = all.filter((node) => nodeWord(node) === "ready").length;
    nodes(`${ready}/${all.length}`, "ready");
    nodesBar.rate(ready, all.length);
    const active = [...store.tasks.values()].filter((task) => task.goal === "run");
    const running = active.filter((task) => about(task).word === "running").length;
    const done = active.filter((task) => about(task).word === "completed").length;
    tasks(`${running}/${active.length}`, done ? `running, ${done} completed` : "running");
    tasksBar.rate(running + done, active.length);
    const sum = (items, amount) => items.reduce((total, item) => total + (amount(item) ?? 0), 0);
    const [there, asked] = [sum(active, (task) => task.ready), sum(active, (task) => task.replicas)];
    replicas(`${there}/${asked}`, "ready");
    replicasBar.rate(there, asked);
    for (const [told, bar, field, words] of [[cpu, cpuBar, "cpu_millis", cores], [memory, memoryBar, "memory_bytes", size]]) {
      const [reserved, whole] = [sum(all, (node) => node.reserved[field]), sum(all, (node) => node.capacity[field])];
      told(words(reserved), `of ${words(whole)}`);
      bar.show(reserved, sum(all, (node) => node.usage?.[field]), whole);
    }
  };
}

/** What is wrong, the worst first; nothing at all where nothing is. Returns what brings it up to date. */
export function makeAttention(store) {
  const section = document.getElementById("attention");
  const count = document.getElementById("attention-count");
  const rows = new Rows(document.getElementById("concerns"), () => {
    const badge = stateBadge("error");
    const severity = h("span", { class: "unseen" });
    const subject = h("b");
    const reason = h("span", { class: "why" });
    const element = h("li", {}, badge, severity, subject, " ", reason);
    const show = (concern) => {
      element.className = `concern ${concern.severity}`;
      showState(badge, concern.severity);
      text(badge.lastChild, concern.code.replaceAll("_", " ")); // the sign and the colour say how bad it is
      text(severity, ` (${concern.severity}) `);
      const name = concern.name || concern.subject;
      if (subject.textContent !== name) subject.replaceChildren(concern.id ? opener(concern) : name);
      const bare = concern.slots > 1 ? concern.reason.replace(`${name}.${concern.slot}: `, "") : concern.reason;
      text(reason, concern.slots > 1 ? `${concern.slots} slots: ${bare}` : bare);
    };
    return { element, show };
  });
  return () => {
    const { concerns, errors, warnings, notices } = store.attention;
    section.hidden = !concerns.length;
    const said = [[errors, "error"], [warnings, "warning"], [notices, "notice"]].filter(([many]) => many);
    text(count, said.map(([many, word]) => `${many} ${word}${many > 1 ? "s" : ""}`).join(", "));
    document.title = errors ? `✗ ${errors} – cube` : "cube";
    rows.show(concerns, (one) => `${one.subject}/${one.id}/${one.id ? "" : one.code}`);
  };
}

function opener({ subject, id, name }) {
  return h("a", { href: `/${subject}/${encodeURIComponent(id)}`, "data-open": `${subject}/${id}` }, name);
}

/** The machines. Returns what brings them up to date: those of these ids, null for all. */
export function makeNodes(store) {
  const rows = new Rows(document.querySelector("#nodes tbody"), (node) => {
    const link = h("a", { href: `/node/${encodeURIComponent(node.id)}`, class: "open", "data-open": `node/${node.id}` });
    const badge = stateBadge("ready");
    const [cpu, memory] = [new Amount("cpu_millis", cores), new Amount("memory_bytes", size)];
    const [slots, engine, labels] = ["number", "wide", "wide labels"].map((kind) => h("td", { class: kind }));
    const element = h("tr", {}, h("th", { scope: "row" }, link), h("td", {}, badge), cpu.cell, memory.cell, slots, engine, labels);
    const show = (view) => {
      text(link, view.name);
      showState(badge, nodeWord(view));
      element.classList.toggle("trouble", !["ready", "cordoned", "draining"].includes(nodeWord(view)));
      cpu.show(view);
      memory.show(view);
      text(slots, view.allocations);
      text(engine, [...new Set([view.runtime, view.engine_version])].join(" "));
      text(labels, view.quarantine || view.runtime_error || labelWords(view.labels));
    };
    return { element, show };
  });
  const count = document.getElementById("nodes-count");
  return (changed) => {
    const nodes = [...store.nodes.values()].sort((one, other) => one.name.localeCompare(other.name, [], { numeric: true }));
    rows.show(nodes, (node) => node.id, changed);
    text(count, nodes.length);
  };
}

/** What is reserved and used of one resource of a node: a bar, and the same in words. */
export class Amount {
  constructor(field, words) {
    this.field = field;
    this.words = words;
    this.bar = new Bar();
    this.label = h("span", { class: "amount" });
    this.cell = h("td", {}, this.bar.element, this.label);
  }

  show(node) {
    const [reserved, whole, used] = [node.reserved[this.field], node.capacity[this.field], node.usage?.[this.field]];
    this.bar.show(reserved, used, whole);
    text(this.label, `${this.words(reserved)} of ${this.words(whole)}`);
    this.cell.title = `${this.words(reserved)} reserved, ${used === undefined ? "use not known" : `${this.words(used)} used`}, ${this.words(whole)} in all`;
  }
}

/** Labels as they are written on a command line. */
export const labelWords = (labels) => Object.entries(labels).sort().map((pair) => pair.join("=")).join(" ");

/** What happened, the newest first. Returns what brings it up to date. */
export function makeEvents(store) {
  const rows = new Rows(document.getElementById("events"), (event) => ({ element: eventItem(event), show: () => {} }));
  return () => rows.show(store.events, (event) => String(event.revision));
}

/** What happened, in a word: the kind without what the names before it say already. */
const told = ({ kind }) => (kind === "task.state" ? "" : kind.replace(/^[a-z]+\./, "").replaceAll("_", " "));

/** One event as an item of a list. */
export function eventItem(event) {
  if (event.skipped) return h("li", { class: "note" }, `${event.skipped} more at once: GET /event has them`);
  const names = [
    event.task_id && ["task", event.task_id, slotName(event.task, event.slot)],
    event.node_id && ["node", event.node_id, event.node],
  ].filter(Boolean);
  const subjects = names.flatMap(([subject, id, name], index) => [index ? " on " : "", opener({ subject, id, name: name ?? id })]);
  const grave = /failed|lost|quarantined|runtime_down|held/.test(event.kind) ? " grave" : "";
  return h(
    "li",
    { class: `event${grave}` },
    h("time", { datetime: event.at, title: event.at }, timeOfDay(event.at)),
    h("div", {}, h("b", {}, subjects), " ", h("span", { class: "kind", title: event.kind }, told(event)), h("p", {}, event.message)),
  );
}
