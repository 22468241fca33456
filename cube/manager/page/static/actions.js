// Changes: asked about in a dialog that says what will happen and how to type it, and shows what the manager said.

import { change } from "./api.js";
import { command, copyable } from "./commands.js";
import { h, text } from "./dom.js";

const at = (...parts) => parts.map((part, index) => (index % 2 ? encodeURIComponent(part) : part)).join("");

/** The changes of a task, each as a button. */
export function taskActions(task) {
  const { name, id } = task;
  return [
    button("Restart", () => ({
      title: `Restart ${name}?`,
      words: `Its ${task.replicas} containers are replaced one after the other.`,
      line: command("restart", name),
      run: () => change("POST", at("/task/", id, "/restart")),
      done: `${name} is being restarted`,
    })),
    button("Scale", () => ({
      title: `Scale ${name}`,
      words: `It has ${task.replicas} now, ${task.ready} of them ready.`,
      field: { label: "Replicas", type: "number", min: 0, max: 10000, value: task.replicas, required: true },
      line: (value) => command("scale", `${name}=${value}`),
      run: (value) => change("POST", at("/task/", id, "/scale"), { replicas: Number(value) }),
      done: (value) => `${name} is being scaled to ${value}`,
    })),
    button("Stop", () => ({
      title: `Stop ${name}?`,
      words: `Its containers are stopped and removed. Volumes stay. Type the name to confirm.`,
      field: { label: "Name of the task", type: "text", autocomplete: "off", spellcheck: "false", required: true },
      sure: (value) => value === name,
      grave: true,
      line: command("stop", name),
      run: () => change("DELETE", at("/task/", id)),
      done: `${name} is being stopped`,
    })),
  ];
}

/** The changes of a node that are possible now, each as a button. */
export function nodeActions(node) {
  const verbs = {
    Drain: [node.availability !== "draining", `Its ${node.allocations} containers move to other nodes, and nothing new is placed there.`],
    Cordon: [node.availability === "active", "What runs there stays; nothing new is placed there."],
    Uncordon: [node.availability !== "active", "Work is placed there again."],
  };
  return Object.entries(verbs).filter(([, [possible]]) => possible).map(([verb, [, words]]) => {
    const word = verb.toLowerCase();
    return button(verb, () => ({
      title: `${verb} ${node.name}?`,
      words,
      grave: verb === "Drain",
      line: command("node", word, node.name),
      run: () => change("POST", at("/node/", node.id, `/${word}`)),
      done: `${node.name}: ${word} is on record`,
    }));
  });
}

function button(name, about) {
  return h("button", { type: "button", class: name === "Stop" || name === "Drain" ? "grave" : null, onclick: () => confirm(name, about()) }, name);
}

/** Ask, do it, and say what came of it. A refusal stays in the dialog, in the manager's words, so that it can be tried again. */
function confirm(name, { title, words, field, sure = () => true, grave, line, run, done }) {
  const input = field && h("input", { id: "confirm-field", ...field });
  const go = h("button", { type: "submit", class: grave ? "grave primary" : "primary" }, name);
  const problem = h("div", { class: "problem", role: "alert" });
  const shown = h("div");
  const value = () => input?.value.trim() ?? "";
  const look = () => {
    go.disabled = !sure(value());
    shown.replaceChildren(copyable(typeof line === "function" ? line(value()) : line));
  };
  const send = async (event) => {
    event.preventDefault();
    if (!sure(value()) || go.disabled) return;
    go.disabled = true;
    problem.replaceChildren();
    try {
      await run(value());
      dialog.close();
      say(typeof done === "function" ? done(value()) : done);
    } catch (error) {
      problem.replaceChildren(...problemWords(error));
      look();
    }
  };
  const label = input && h("label", { for: "confirm-field" }, field.label, input);
  const close = h("button", { type: "button", onclick: () => dialog.close() }, "Cancel");
  const dialog = open(title, h("form", { onsubmit: send }, h("p", {}, words), label, shown, problem, h("div", { class: "buttons" }, close, go)));
  input?.addEventListener("input", look);
  look();
  (input ?? close).focus();
  input?.select();
}

function problemWords(error) {
  const words = error.status ? error.message : "The manager does not answer; nothing is known to have changed.";
  const objections = (error.errors ?? []).map(({ path, message }) => h("li", {}, `${path}: ${message}`.replace(/^: /, "")));
  return [h("p", {}, words), objections.length ? h("ul", {}, objections) : null, error.hint ? h("p", {}, error.hint) : null].filter(Boolean);
}

/** Show a modal dialog that is gone when it is closed; the browser gives the focus back to where it was. */
function open(title, ...content) {
  const dialog = h("dialog", { "aria-labelledby": "dialog-title" }, h("h2", { id: "dialog-title" }, title), ...content);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  return dialog;
}

/** Say it, for eyes and screen readers, for a few seconds. */
export function say(words) {
  let toast = document.getElementById("toast");
  if (!toast) document.body.append((toast = h("p", { id: "toast", role: "status" })));
  text(toast, words);
  toast.classList.add("shown");
  clearTimeout(say.timer);
  say.timer = setTimeout(() => toast.classList.remove("shown"), 6000);
}

/** Ask for a token in the manager's words. It is kept in memory: a page that is loaded anew asks again. */
export function askForToken(refusal) {
  return new Promise((resolve) => {
    const input = h("input", { id: "token", type: "password", autocomplete: "off", spellcheck: "false", required: true });
    const send = (event) => {
      event.preventDefault();
      resolve(input.value.trim());
      dialog.close();
    };
    const words = h("p", { class: "problem" }, refusal.message);
    const dialog = open(
      "A token is needed",
      h("form", { onsubmit: send }, words, h("label", { for: "token" }, "Token", input),
        h("p", { class: "note" }, "It is kept in this page's memory only, and forgotten when the page is closed."),
        h("div", { class: "buttons" }, h("button", { type: "button", onclick: () => dialog.close() }, "Cancel"), h("button", { class: "primary" }, "Use it"))),
    );
    dialog.addEventListener("close", () => resolve(""));
    input.focus();
  });
}
