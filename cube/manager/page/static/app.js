// The page put together: one connection, one store, and what shows it. Only what changed is looked at again.

import { askForToken } from "./actions.js";
import { onRefusal } from "./api.js";
import { h, text } from "./dom.js";
import { Drawer } from "./drawer.js";
import { listen } from "./keys.js";
import { Live } from "./live.js";
import { makeAttention, makeEvents, makeNodes, makeTiles } from "./overview.js";
import * as place from "./place.js";
import { Store } from "./store.js";
import { makeChips, TaskTable } from "./tasks.js";
import { timeOfDay } from "./words.js";

const GATHER_MS = 40; // changes that come together are shown together
const AGES_MS = 5000;

const connection = document.getElementById("connection");
const drawn = Boolean(document.querySelector("#nodes tbody tr, #task-table tbody tr, #events li"));
const store = new Store();
const filter = document.getElementById("filter");
let views = null; // made with the first snapshot: until then the page stays as the server drew it
let timer = null;

function showAll(changed) {
  views ??= {
    tiles: makeTiles(store), attention: makeAttention(store), nodes: makeNodes(store), chips: makeChips(store),
    tasks: new TaskTable(store), events: makeEvents(store), drawer: new Drawer(store),
  };
  const all = changed === null;
  if (all || changed.nodes.size) views.nodes(all ? null : changed.nodes);
  if (all || changed.tasks.size) {
    views.chips();
    views.tasks.show(all ? null : changed.tasks);
  }
  if (all || changed.nodes.size || changed.tasks.size) views.tiles();
  if (all || changed.attention) views.attention();
  if (all || changed.events) views.events();
  views.drawer.show();
}

function soon() {
  timer ??= setTimeout(() => {
    timer = null;
    if (store.complete) showAll(views ? store.news() : (store.news(), null));
  }, GATHER_MS);
}

function take(message) {
  store.take(message);
  if (message.kind === "beat" || message.kind === "snapshot") {
    text(document.getElementById("cluster"), store.cluster.slice(0, 8));
    text(document.getElementById("revision"), store.revision);
  }
  if (!store.quiet) soon();
  if (message.kind === "beat") showConnection("live");
}

function showConnection(state, since, trouble) {
  connection.className = `link ${state}`;
  document.body.classList.toggle("stale", state === "stale");
  const words = {
    waiting: () => trouble || "connecting",
    live: () => "live",
    stale: () => `stale since ${timeOfDay(since)}: ${trouble}`,
  }[state]();
  // The time beside it is not part of what is read out: only a change of the state is news.
  const clock = h("span", { class: "clock", "aria-hidden": "true" });
  if (connection.dataset.words !== words) connection.replaceChildren(h("span", {}, words), clock);
  connection.dataset.words = words;
  if (state === "live" && store.at) text(connection.lastChild, timeOfDay(store.at));
}

/** Open what a link names, unless a new tab is asked for. */
function follow(event) {
  const link = event.target.closest("a[data-open]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  place.write({ open: link.dataset.open, tab: "" });
}

function start() {
  document.querySelector(".tools").hidden = document.getElementById("search").hidden = false;
  onRefusal(askForToken);
  listen();
  document.addEventListener("click", follow);
  document.querySelector(".skip").addEventListener("click", (event) => {
    event.preventDefault(); // the fragment says where the reader is
    document.getElementById("tasks").focus();
  });
  document.getElementById("search").addEventListener("submit", (event) => event.preventDefault());
  filter.addEventListener("input", () => place.write({ q: filter.value }));
  const arrive = ({ q }) => {
    if (filter.value !== q) filter.value = q;
    if (!views) return;
    views.chips();
    views.tasks.show(new Set());
    views.drawer.show();
  };
  place.onMove(arrive);
  arrive(place.read());
  setInterval(() => views?.tasks.tick(Date.now()), AGES_MS);
  showConnection("waiting");
  new Live(take, showConnection, drawn).run();
  dispatchEvent(new Event("cube-started"));
}

start();
