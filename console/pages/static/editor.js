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
})();
