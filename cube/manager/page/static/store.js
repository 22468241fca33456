// What the manager has told, as it stands now: every message of /watch put in its place. Knows nothing of the page.

const EVENTS_KEPT = 200;

export class Store {
  constructor() {
    this.tasks = new Map();
    this.nodes = new Map();
    this.events = []; // the newest first
    this.attention = { errors: 0, warnings: 0, notices: 0, concerns: [] };
    this.cluster = "";
    this.revision = 0;
    this.at = null;
    this.complete = false; // all parts of the snapshot have come
    this.#unread();
  }

  /** Put a message in its place. Kinds that are not known are left out. */
  take({ kind, data }) {
    switch (kind) {
      case "snapshot":
        return this.#snapshot(data);
      case "task":
        this.tasks.set(data.id, data);
        return this.changed.tasks.add(data.id);
      case "task.gone":
        this.tasks.delete(data.id);
        return this.changed.tasks.add(data.id);
      case "node":
        this.nodes.set(data.id, data);
        return this.changed.nodes.add(data.id);
      case "node.gone":
        this.nodes.delete(data.id);
        return this.changed.nodes.add(data.id);
      case "attention":
        this.attention = data;
        return (this.changed.attention = true);
      case "event":
        return this.#event(data);
      case "skipped":
        return this.#event({ revision: `skipped before ${this.revision}`, skipped: data.events });
      case "beat":
        this.at = data.at;
        this.revision = data.revision;
    }
  }

  /** Return what changed since this was last asked: ids of tasks and nodes, and whether the rest did. */
  news() {
    const changed = this.changed;
    this.#unread();
    return changed;
  }

  get quiet() {
    const { tasks, nodes, attention, events } = this.changed;
    return !(tasks.size || nodes.size || attention || events);
  }

  #snapshot(data) {
    if (data.part === 1) {
      for (const kind of ["tasks", "nodes"]) {
        for (const id of this[kind].keys()) this.changed[kind].add(id);
        this[kind].clear();
      }
      this.complete = false;
    }
    for (const kind of ["tasks", "nodes"]) {
      for (const view of data[kind]) {
        this[kind].set(view.id, view);
        this.changed[kind].add(view.id);
      }
    }
    this.cluster = data.cluster_id;
    this.revision = data.revision;
    this.at = data.at;
    if (data.part < data.parts) return;
    this.complete = true;
    this.attention = data.attention ?? this.attention;
    this.events = [...data.events].reverse();
    this.changed.attention = this.changed.events = true;
  }

  #event(event) {
    this.events.unshift(event);
    if (this.events.length > EVENTS_KEPT) this.events.length = EVENTS_KEPT;
    if (Number.isInteger(event.revision)) this.revision = Math.max(this.revision, event.revision);
    this.changed.events = true;
  }

  #unread() {
    this.changed = { tasks: new Set(), nodes: new Set(), attention: false, events: false };
  }
}
