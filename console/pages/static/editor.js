// Line numbers beside code, and the cursor at the line of a mistake. The editor works without this file.
"use strict";

(() => {
  for (const gutter of document.querySelectorAll("[data-lines]")) {
    const area = document.getElementById(gutter.dataset.lines);
    const number = () => {
      const count = area.value.split("\n").length;
      gutter.textContent = Array.from({ length: count }, (_, i) => i + 1).join("\n");
    };
    const follow = () => { gutter.scrollTop = area.scrollTop; };
    area.addEventListener("input", number);
    area.addEventListener("scroll", follow);
    number();
    const line = Number(area.dataset.line);
    if (line) {
      const start = area.value.split("\n").slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
      area.focus();
      area.setSelectionRange(start, start);
      area.scrollTop = Math.max(0, (line - 6) * parseFloat(getComputedStyle(area).lineHeight));
      follow();
    }
  }

  // Whether what was written is kept: said while it goes, when it arrived, and when it did not.
  const editor = document.getElementById("editor");
  if (!editor?.hasAttribute("hx-post")) return;
  let isDirty = false;
  const tell = (key) => {
    const state = document.querySelector("[data-save-state]");
    if (!state) return;
    state.textContent = state.dataset[key];
    state.classList.toggle("is-bad", key === "failed");
  };
  editor.addEventListener("input", () => { isDirty = true; tell("saving"); });
  editor.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.successful) isDirty = false;
    else tell("failed");
  });
  editor.addEventListener("submit", () => { isDirty = false; });
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "hidden" && isDirty) {
      navigator.sendBeacon(editor.getAttribute("hx-post"), new FormData(editor));
    }
  });
})();
