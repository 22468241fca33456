// Amounts, times and states in words, as the command line says them. Pure.

const UNITS = [[86400, "d"], [3600, "h"], [60, "m"]];

/** One rounded-down unit: `45s`, `3m`, `2h`, `9d`. */
export function duration(seconds) {
  for (const [length, unit] of UNITS) if (seconds >= length) return `${Math.floor(seconds / length)}${unit}`;
  return `${Math.max(0, Math.floor(seconds))}s`;
}

/** How long ago an RFC 3339 time was; `–` when it has not been. */
export const age = (then, nowMs) => (then ? duration((nowMs - Date.parse(then)) / 1000) : "–");

/** A length of time as exactly as it matters: `12 ms`, `3.4 s`, `2 m 5 s`. */
export function lasting(ms) {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  if (ms < 3_600_000) return `${Math.floor(ms / 60_000)} m ${Math.floor((ms % 60_000) / 1000)} s`;
  return duration(ms / 1000);
}

/** Bytes in the largest binary unit that leaves at least 1. */
export function size(bytes) {
  let value = bytes;
  for (const unit of ["B", "KiB", "MiB", "GiB", "TiB"]) {
    if (value < 1024 || unit === "TiB") return `${value.toFixed(1).replace(/\.0$/, "")} ${unit}`;
    value /= 1024;
  }
}

/** Thousandths of a core in cores: `0.5`, `2`. */
export const cores = (millis) => String(Math.round(millis / 10) / 100);

/** `web.2` as people name a slot. */
export const slotName = (task, slot) => (slot ? `${task}.${slot}` : task);

const clock = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });

/** The time of day where the reader is. */
export const timeOfDay = (moment) => clock.format(typeof moment === "string" ? Date.parse(moment) : moment);

/** The date and the time where the reader is: `2026-11-22 21:17:58`. */
export const dateTime = (moment) => `${new Date(moment).toLocaleDateString("sv")} ${timeOfDay(moment)}`;

/** A task's state in the word that people see. */
export function taskWord(task) {
  if (task.goal === "stop") return task.state === "completed" ? "stopped" : "stopping";
  return task.state;
}

/** A node's state, the worst news first. */
export function nodeWord(node) {
  if (node.quarantine) return "quarantined";
  if (node.condition !== "ready") return node.condition;
  if (node.runtime_error) return "engine away";
  return node.availability === "active" ? "ready" : node.availability;
}

/** How far an allocation has come; one that has to go is stopping until it is gone. */
export function phaseWord(allocation) {
  if (allocation.wanted === "remove" && !["removed", "lost"].includes(allocation.phase)) return "stopping";
  if (allocation.phase === "running" && allocation.health === "unhealthy") return "unhealthy";
  return allocation.phase;
}

// A sign beside each word: colour alone tells nothing to many people.
const SIGNS = {
  running: "●", ready: "●", healthy: "●", scheduled: "◐", starting: "◐", creating: "◐", pulling: "◐", assigned: "◐",
  pending: "○", waiting: "○", stopping: "◌", cordoned: "◌", draining: "◌", suspect: "!", exited: "!", warning: "!",
  unhealthy: "✗", failed: "✗", lost: "✗", quarantined: "✗", "engine away": "✗", error: "✗", completed: "✓",
  stopped: "■", removed: "■", notice: "◌",
};

/** The sign of a state. */
export const sign = (word) => SIGNS[word] ?? "?";

/** The states of tasks in the order in which to read them. */
export const TASK_STATES = ["failed", "pending", "scheduled", "running", "stopping", "completed", "stopped"];
