// Live arrival and the copy button. Everything works without this file, only not by itself.
"use strict";

(() => {
  const region = document.querySelector("[data-live]");
  const state = document.querySelector("[data-live-state]");
  const announce = document.querySelector("[data-announce]");

  const ids = () => new Set([...document.querySelectorAll("[data-id]")].map((li) => li.dataset.id));

  const setUpCopy = () => {
    if (!navigator.clipboard) return;
    for (const button of document.querySelectorAll("[data-copy]")) {
      button.hidden = false;
      button.addEventListener("click", async () => {
        await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
        const before = button.textContent;
        button.textContent = button.dataset.done;
        setTimeout(() => { button.textContent = before; }, 2000);
      });
    }
  };

  let isLoading = false;
  let isStale = false;

  const refresh = async () => {
    if (isLoading) { isStale = true; return; }
    // Who is about to confirm something must not lose the question.
    if (region.querySelector("details[open]")) { isStale = true; return; }
    isLoading = true;
    isStale = false;
    try {
      const response = await fetch(location.href, { headers: { "X-Fragment": "list" } });
      if (response.status === 401) { location.reload(); return; }
      if (!response.ok) return;
      show(await response.text());
    } catch {
      // The event stream notices the same and says so.
    } finally {
      isLoading = false;
      if (isStale) refresh();
    }
  };

  const show = (html) => {
    const before = ids();
    const focused = region.contains(document.activeElement) ? document.activeElement.id : "";
    region.innerHTML = html;
    if (focused) document.getElementById(focused)?.focus();
    const fresh = [...region.querySelectorAll("[data-id]")].filter((li) => !before.has(li.dataset.id));
    for (const li of fresh) li.classList.add("new");
    if (fresh.length) announce.textContent = region.querySelector("[data-count]")?.dataset.count ?? "";
    setUpCopy();
  };

  const follow = () => {
    const source = new EventSource(region.dataset.live);
    const tell = (isOn) => {
      state.hidden = false;
      state.classList.toggle("off", !isOn);
      state.textContent = isOn ? state.dataset.on : state.dataset.off;
    };
    source.addEventListener("open", () => tell(true));
    source.addEventListener("change", refresh);
    source.addEventListener("error", () => {
      tell(false);
      // A refusal ends an EventSource for good; the page knows why (signed out, restarted).
      if (source.readyState === EventSource.CLOSED) {
        setTimeout(() => { refresh(); follow(); }, 5000);
      }
    });
    addEventListener("pagehide", () => source.close(), { once: true });
  };

  setUpCopy();
  if (region && window.EventSource) {
    region.addEventListener("toggle", () => { if (isStale) refresh(); }, true);
    addEventListener("pageshow", (event) => { if (event.persisted) follow(); });
    follow();
  }
})();
