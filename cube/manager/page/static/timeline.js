// What became of a task or one of its slots, step by step, with how long each step took.

import { get } from "./api.js";
import { h, Rows } from "./dom.js";
import { lasting, slotName, timeOfDay } from "./words.js";

const SHOWN = 200;

export class TimelinePane {
  constructor(task, slot, store) {
    this.id = task.id;
    this.slot = slot;
    this.store = store;
    this.events = new Map(); // by revision
    this.list = h("ol", { class: "timeline", reversed: true });
    this.rows = new Rows(this.list, (step) => makeStep(step));
    this.phases = h("div", { class: "phases" });
    this.note = h("p", { class: "note" }, "asking");
    this.element = h("div", {}, this.phases, this.list, this.note);
    this.#ask();
  }

  /** Take in what has come since. */
  show() {
    for (const event of this.store.events) if (event.task_id === this.id && !this.#others(event)) this.events.set(event.revision, event);
    const events = [...this.events.values()].sort((one, other) => one.revision - other.revision).slice(-SHOWN);
    const before = new Map(); // the time of the step before, by slot
    const steps = events.map((event) => {
      const since = before.get(event.slot ?? 0);
      before.set(event.slot ?? 0, Date.parse(event.at));
      return { event, took: since === undefined ? null : Date.parse(event.at) - since };
    });
    this.rows.show(steps.reverse(), ({ event }) => String(event.revision), new Set());
    this.#showPhases(this.store.tasks.get(this.id));
  }

  close() {
    this.closed = true;
  }

  async #ask() {
    try {
      const events = await get(`/task/${encodeURIComponent(this.id)}/events?limit=${SHOWN}`);
      for (const event of events) if (!this.#others(event)) this.events.set(event.revision, event);
      this.note.textContent = events.length < SHOWN ? "" : `the newest ${SHOWN}; GET /event has all`;
    } catch (error) {
      this.note.textContent = error.message;
    }
    if (!this.closed) this.show();
  }

  #others(event) {
    return this.slot && event.slot && event.slot !== this.slot;
  }

  /** How long the last start of each slot took, and on what. */
  #showPhases(task) {
    const started = (task?.allocations ?? []).filter((one) => one.timings && (!this.slot || one.slot === this.slot)).slice(0, 20);
    const key = JSON.stringify(started.map((one) => [one.id, one.restarts, one.started_at]));
    if (key === this.phasesShown) return;
    this.phasesShown = key;
    this.phases.replaceChildren(...started.map((one) => {
      const { pull_ms: pull, create_ms: create, start_ms: start } = one.timings;
      const wait = one.started_at && one.assigned_at && !one.restarts ? Math.max(0, Date.parse(one.started_at) - Date.parse(one.assigned_at) - pull - create - start) : 0;
      const steps = [["wait", wait], ["pull", pull], ["create", create], ["start", start]].filter(([, ms]) => ms > 0);
      return h("p", {}, h("b", {}, one.name), ` on ${one.node}: `, steps.map(([name, ms]) => h("span", { class: `phase ${name}` }, `${name} ${lasting(ms)}`)),
        steps.length ? ` ${lasting(steps.reduce((sum, [, ms]) => sum + ms, 0))} in all` : "at once");
    }));
  }
}

function makeStep({ event, took }) {
  const element = h("li", { class: /failed|lost|exited/.test(event.kind) ? "event grave" : "event" },
    h("time", { datetime: event.at, title: event.at }, timeOfDay(event.at)),
    h("span", { class: "took" }, took === null ? "" : `+${lasting(took)}`),
    h("div", {}, h("b", {}, event.kind.replace(/^(allocation|slot|task)\./, "")), " ", h("span", { class: "kind" }, [slotName("", event.slot).replace(".", "slot "), event.node].filter(Boolean).join(" on ")), h("p", {}, event.message)));
  return { element, show: () => {} };
}
