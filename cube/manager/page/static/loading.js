// Loads the page anew when a part of it did not come: without one of its modules none of it would ever start.
//
// Not a module, and the first of all: it has to run where those fail.
"use strict";
{
  const PAUSES = [1000, 3000, 10_000, 30_000]; // milliseconds; the last one again and again
  const KEY = "cube.loading";
  const NO_MEMORY = 2; // where storage is shut off: a pause that bothers nobody

  const tries = () => {
    try {
      const before = Number(sessionStorage.getItem(KEY)) || 0;
      sessionStorage.setItem(KEY, before + 1);
      return before;
    } catch {
      return NO_MEMORY;
    }
  };
  let again = null;
  // Errors of elements do not bubble, but are caught on their way down.
  addEventListener("error", (event) => {
    if (again || !event.target.matches?.("script, link[rel=stylesheet]")) return;
    again = setTimeout(() => location.reload(), PAUSES[Math.min(tries(), PAUSES.length - 1)]);
    const tell = () => (document.getElementById("connection").textContent = "a part of this page did not come; loading it again");
    if (document.readyState === "loading") document.addEventListener("DOMContentLoaded", tell);
    else tell();
  }, true);
  addEventListener("cube-started", () => {
    try {
      sessionStorage.removeItem(KEY);
    } catch {
      // See above.
    }
  });
}
