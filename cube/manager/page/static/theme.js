// Light or dark, before the first paint: loaded in the head and not as a module, or the wrong one would flash up.
"use strict";
{
  const CHOICES = ["system", "light", "dark"];
  const root = document.documentElement;
  let chosen = "system";
  try {
    chosen = localStorage.getItem("cube.theme") ?? "system";
  } catch {
    // Storage is shut off: the system's choice holds, and a switch holds until the page is left.
  }
  const show = () => {
    if (!CHOICES.includes(chosen)) chosen = "system";
    if (chosen === "system") delete root.dataset.theme;
    else root.dataset.theme = chosen;
    const button = document.getElementById("theme");
    if (button) button.lastChild.textContent = chosen;
  };
  show();
  document.addEventListener("DOMContentLoaded", () => {
    show();
    document.getElementById("theme").addEventListener("click", () => {
      chosen = CHOICES[(CHOICES.indexOf(chosen) + 1) % CHOICES.length];
      show();
      try {
        localStorage.setItem("cube.theme", chosen);
      } catch {
        // See above.
      }
    });
  });
}
