// The one connection over which everything comes: GET /watch, kept up, resumed, and called stale when it falls silent.
//
// By fetch and not by EventSource, which can send no Authorization header and cannot be told to try now.

import { ask, lines } from "./api.js";

const STALE_MS = 2500; // it beats every second: two are missing
const SILENT_MS = 8000; // a connection that says nothing for so long is given up, and another is made
const PAUSES = [300, 10_000]; // between attempts, doubling; with jitter, or all pages would come back at once

/** Yield the messages of a stream of server-sent events: kind, data, id. One that was cut off is left out. */
export async function* messages(source) {
  let kind = "", data = "", id = "";
  for await (const line of source) {
    if (line === "") {
      if (data) yield { kind, data: JSON.parse(data), id };
      kind = data = id = "";
    } else if (line.startsWith("data: ")) data += line.slice(6);
    else if (line.startsWith("event: ")) kind = line.slice(7);
    else if (line.startsWith("id: ")) id = line.slice(4);
  }
}

/**
 * Follow for ever. `take(message)` is called for each; `show(state, since)` when the state changes: `waiting` (nothing
 * was seen yet), `live`, `stale` (nothing was heard for too long; `since` when it was last), with what stands in the way.
 * `drawn`: the server has drawn what it knew into the page.
 */
export class Live {
  constructor(take, show, drawn) {
    this.take = take;
    this.show = show;
    this.last = ""; // the id to go on behind
    this.heardAt = drawn ? performance.now() : 0; // what the server drew ages as well
    this.heardTime = drawn ? Date.now() : null;
    this.state = "waiting";
    this.wake = () => {};
    setInterval(() => this.#look(), 250);
    for (const news of ["online", "pageshow"]) addEventListener(news, () => this.wake());
    document.addEventListener("visibilitychange", () => document.hidden || this.wake());
  }

  async run() {
    let [pause, longest] = PAUSES;
    for (;;) {
      const began = performance.now();
      const trouble = await this.#follow();
      if (performance.now() - began > longest) [pause] = PAUSES;
      this.#tell(this.state, trouble);
      await new Promise((resolve) => {
        this.wake = resolve;
        setTimeout(resolve, pause * (0.5 + Math.random() / 2));
      });
      pause = Math.min(longest, pause * 2);
      if (this.state === "live") [pause] = PAUSES;
    }
  }

  /** Read one connection to its end; returns why it ended. */
  async #follow() {
    this.connection = new AbortController();
    this.openedAt = performance.now();
    try {
      const headers = { Accept: "text/event-stream", ...(this.last && { "Last-Event-ID": this.last }) };
      const response = await ask("GET", "/watch", { headers, signal: this.connection.signal });
      for await (const message of messages(lines(response))) this.#hear(message);
      return "the manager ended the connection";
    } catch (error) {
      return error.status ? error.message : "the manager does not answer";
    } finally {
      this.connection.abort();
      this.connection = null;
    }
  }

  #hear(message) {
    this.heardAt = performance.now();
    this.heardTime = Date.now();
    if (message.id) this.last = message.id;
    this.take(message);
    this.#tell("live", "");
  }

  #look() {
    const now = performance.now();
    if (this.heardAt && now - this.heardAt > STALE_MS) this.#tell("stale", this.trouble || "the manager says nothing");
    if (this.connection && now - Math.max(this.openedAt, this.heardAt) > SILENT_MS) this.connection.abort();
  }

  #tell(state, trouble) {
    if (state === this.state && trouble === this.trouble) return;
    this.state = state;
    this.trouble = trouble;
    this.show(state, this.heardTime, trouble);
  }
}
