// Live arrival, the copy button, menus that close. Everything works without this file, only not by itself.
"use strict";

(() => {
  const region = document.querySelector("[data-live]");
  const state = document.querySelector("[data-live-state]");
  const announce = document.querySelector("[data-announce]");

  const setUpCopy = () => {
    if (!navigator.clipboard) return;
    for (const button of document.querySelectorAll("[data-copy][hidden]")) {
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

  // Only what differs is touched, so that nothing moves under a finger or loses the focus.
  const show = (html) => {
    const fresh = document.createElement("template");
    fresh.innerHTML = html;
    const mine = [...region.children];
    const theirs = [...fresh.content.children];
    const isAlike = mine.length === theirs.length && mine.every((e, i) => e.tagName === theirs[i].tagName);
    if (!isAlike) {
      region.replaceChildren(...theirs);
      for (const li of region.querySelectorAll("[data-id]")) li.classList.add("new");
      announce.textContent = region.querySelector("[data-count]")?.dataset.count ?? "";
    }
    else mine.forEach((element, i) => patch(element, theirs[i]));
    setUpCopy();
  };

  const patch = (mine, theirs) => {
    if (mine.matches("ol.mails")) {
      if (patchList(mine, theirs)) announce.textContent = region.querySelector("[data-count]").dataset.count;
    } else if (mine.outerHTML !== theirs.outerHTML && !mine.querySelector("details[open], :popover-open, [data-copy]")) {
      mine.replaceWith(theirs);
    }
  };

  const patchList = (list, fresh) => {
    const known = new Map([...list.children].map((li) => [li.dataset.id, li]));
    let next = list.firstElementChild;
    let arrived = 0;
    for (const li of [...fresh.children]) {
      const mine = known.get(li.dataset.id);
      known.delete(li.dataset.id);
      if (mine) {
        if (mine.innerHTML !== li.innerHTML) mine.innerHTML = li.innerHTML;
        next = mine.nextElementSibling;
      } else {
        li.classList.add("new");
        list.insertBefore(li, next);
        arrived += 1;
      }
    }
    for (const li of known.values()) li.remove();
    return arrived;
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

  // A part of the page that the server draws anew again and again; what has the focus stays.
  const followPart = (part) => {
    const source = new EventSource(part.dataset.stream);
    const told = document.querySelector("[data-stream-told]");
    let share = "";
    source.addEventListener("progress", (event) => {
      if (part.contains(document.activeElement) && document.activeElement !== part) return;
      part.innerHTML = event.data;
      const now = part.querySelector("strong")?.textContent.split(/[.,\s%]/)[0] ?? "";
      if (told && now !== share && Number(now) % 10 === 0) told.textContent = `${now} %`;
      share = now;
    });
    const loadAgain = () => {
      source.close();
      if (!document.querySelector(":popover-open")) location.reload();
    };
    source.addEventListener("status", loadAgain);
    source.addEventListener("over", () => source.close());
    addEventListener("pagehide", () => source.close(), { once: true });
  };
  for (const part of document.querySelectorAll("[data-stream]:not([data-still])")) followPart(part);

  // A file goes up as soon as it is chosen or dropped, and the page says how far it is.
  const setUpDrop = (form) => {
    const input = form.querySelector("input[type=file]");
    const told = form.querySelector("[data-drop-told]");
    form.querySelector("[data-drop-button]").hidden = true;
    const send = () => {
      if (!input.files.length) return;
      const request = new XMLHttpRequest();
      request.upload.addEventListener("progress", (event) => {
        if (!event.lengthComputable) return;
        told.hidden = false;
        told.textContent = told.dataset.text.replace("{percent}", Math.floor(100 * event.loaded / event.total));
      });
      request.addEventListener("load", () => {
        if (request.status < 400) { location.assign(request.responseURL); return; }
        document.documentElement.innerHTML = request.responseText;
        for (const again of document.querySelectorAll("[data-drop]")) setUpDrop(again);
      });
      request.addEventListener("error", () => form.submit());
      request.open("POST", form.action);
      request.send(new FormData(form));
      input.disabled = true;
    };
    input.addEventListener("change", send);
    form.addEventListener("dragover", (event) => { event.preventDefault(); form.classList.add("is-over"); });
    form.addEventListener("dragleave", () => form.classList.remove("is-over"));
    form.addEventListener("drop", (event) => {
      event.preventDefault();
      form.classList.remove("is-over");
      if (!event.dataTransfer.files.length) return;
      input.files = event.dataTransfer.files;
      send();
    });
  };
  for (const form of document.querySelectorAll("[data-drop]")) setUpDrop(form);

  // A menu closes when somebody clicks elsewhere, presses Escape or leaves it with the keyboard.
  const closeMenus = (but) => {
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (menu !== but) menu.open = false;
    }
  };
  addEventListener("click", (event) => closeMenus(event.target.closest?.("details.menu")));
  addEventListener("focusin", (event) => closeMenus(event.target.closest?.("details.menu")));
  addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const open = document.querySelector("details.menu[open]");
    closeMenus(null);
    open?.querySelector("summary").focus();
    const drawer = document.getElementById("drawer");
    if (drawer?.checked) { drawer.checked = false; drawer.focus(); }
  });

  // Ctrl-K goes to the search, from anywhere.
  addEventListener("keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.altKey || event.key.toLowerCase() !== "k") return;
    const field = document.querySelector("[data-search]");
    if (!field) return;
    event.preventDefault();
    if (field.offsetParent) { field.focus(); field.select(); } else location.assign("/search");
  });

  // A phone shows the headings of the navigation; the one of this page stays open.
  if (matchMedia("(max-width: 62rem)").matches) {
    for (const section of document.querySelectorAll(".side-section:not([data-current])")) section.open = false;
  }

  // A choice that changes which fields there are asks for them; without this file a button does.
  for (const choice of document.querySelectorAll("select[data-submits]")) {
    const button = choice.form.querySelector(`button[value="${choice.dataset.submits}"]`);
    choice.addEventListener("change", () => choice.form.requestSubmit(button));
  }
  for (const button of document.querySelectorAll("[data-without-script]")) button.hidden = true;

  setUpCopy();
  document.body.addEventListener("htmx:afterSettle", setUpCopy);
  if (region && window.EventSource) {
    addEventListener("pageshow", (event) => { if (event.persisted) follow(); });
    follow();
  }
})();
