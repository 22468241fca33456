// The lines of a task's containers as they come: GET /task/{ref}/logs, bounded, and followed for as long as it is open.

import { ask, lines } from "./api.js";
import { h, text } from "./dom.js";
import { timeOfDay } from "./words.js";

const KEPT = 2000; // lines on the page; the rest is in the containers' logs
const TAIL = 200;
const GATHER_MS = 50; // a flood is shown twenty times a second
const HUES = 6;

// What would move a terminal's cursor or colour its text is left out; other control characters are made visible.
const SEQUENCES = /\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])/g;
const CONTROLS = /[\x00-\x08\x0b-\x1f\x7f]/g;
const plain = (line) =>
  line.replace(SEQUENCES, "").replace(/\r$/, "").replace(CONTROLS, (one) => String.fromCharCode(one === "\x7f" ? 0x2421 : 0x2400 + one.charCodeAt(0)));

export class LogPane {
  /** `slot`: only its lines; 0: all. */
  constructor(task, slot) {
    this.task = task;
    this.name = slot ? `${task.name}.${slot}` : "";
    this.waiting = [];
    this.lastNs = 0;
    this.output = h("div", { role: "log", "aria-live": "off", "aria-label": `Logs of ${this.name || task.name}`, tabindex: "0", class: "log" });
    this.state = h("span", { class: "note", role: "status" }, "connecting");
    this.following = h("input", { type: "checkbox", checked: true, onchange: () => this.#bottom() });
    this.search = h("input", { type: "search", placeholder: "Find in these lines", "aria-label": "Find in these lines", oninput: () => this.#filter() });
    const toggle = (name, words) => h("label", {}, h("input", { type: "checkbox", onchange: (event) => this.output.classList.toggle(name, event.target.checked) }), words);
    this.element = h("div", { class: "logs" },
      h("div", { class: "controls" }, this.search, h("label", {}, this.following, "follow"), toggle("wrap", "wrap"), toggle("times", "times"), this.state),
      this.output);
    this.output.addEventListener("scroll", () => {
      const { scrollTop, scrollHeight, clientHeight } = this.output;
      if (scrollHeight - scrollTop - clientHeight > 40) this.following.checked = false;
    });
    this.connection = new AbortController();
    this.timer = setInterval(() => this.#show(), GATHER_MS);
    this.#run();
  }

  /** End it; the worker is told to stop reading. */
  close() {
    this.closed = true;
    this.connection.abort();
    clearInterval(this.timer);
  }

  async #run() {
    for (let pause = 500; !this.closed; pause = Math.min(10_000, pause * 2)) {
      try {
        const from = this.lastNs ? `&since_ns=${this.lastNs}` : `&tail=${TAIL}`;
        const path = `/task/${encodeURIComponent(this.task.id)}/logs?follow=1${from}`;
        const response = await ask("GET", path, { signal: this.connection.signal });
        text(this.state, "live");
        for await (const line of lines(response)) if (line) this.#take(line);
        return text(this.state, "ended");
      } catch (error) {
        if (this.closed) return;
        text(this.state, error.status ? error.message : "interrupted; trying again");
        if (error.status && error.status < 500) return;
      }
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }

  #take(line) {
    // Nanoseconds are beyond what a number holds exactly: they are taken out of the text as they stand.
    const ns = BigInt(/"at_ns":(\d+)/.exec(line)?.[1] ?? 0);
    const record = JSON.parse(line);
    if (ns >= this.lastNs) this.lastNs = ns + 1n;
    if (this.name && record.name !== this.name) return;
    this.waiting.push(record);
    if (this.waiting.length > KEPT) this.waiting.shift();
  }

  #show() {
    if (!this.waiting.length) return;
    const needle = this.search.value.toLowerCase();
    const made = this.waiting.map((record) => this.#line(record, needle));
    this.waiting = [];
    this.output.append(...made);
    for (let extra = this.output.childElementCount - KEPT; extra > 0; extra--) this.output.firstElementChild.remove();
    if (this.following.checked) this.#bottom();
  }

  #line({ name, at_ns: at, stream, text: words = "", warning }, needle) {
    const hue = Number(/\.(\d+)$/.exec(name)?.[1] ?? 0) % HUES;
    const line = h("div", { class: warning ? "line warning" : stream === "stderr" ? "line stderr" : "line" },
      h("time", {}, at ? timeOfDay(at / 1e6) : ""), h("b", { class: `hue${hue}` }, name), " ", warning ? `⚠ ${warning}` : plain(words));
    line.hidden = needle !== "" && !line.textContent.toLowerCase().includes(needle);
    return line;
  }

  #filter() {
    const needle = this.search.value.toLowerCase();
    for (const line of this.output.children) line.hidden = needle !== "" && !line.textContent.toLowerCase().includes(needle);
  }

  #bottom() {
    if (this.following.checked) this.output.scrollTop = this.output.scrollHeight;
  }
}
