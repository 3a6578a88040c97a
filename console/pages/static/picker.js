// Choosing an image or a file of the library inside of an editor. Without this file its button opens the library.
"use strict";

(() => {
  const picker = document.getElementById("picker");
  if (!picker) return;
  let button = null;
  let place = null; // the cursor of the field, before the dialog had the focus

  const escaped = (text) => text.replace(/&/g, "&amp;").replace(/"/g, "&quot;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  const fieldOf = (name) => document.getElementById("editor")?.elements[name] ?? document.querySelector(`[name="${CSS.escape(name)}"]`);
  const changed = (field) => {
    field.dispatchEvent(new Event("input", { bubbles: true }));
    field.dispatchEvent(new Event("change", { bubbles: true }));
  };

  const insert = (field, text) => {
    const [start, end] = place ?? [field.value.length, field.value.length];
    field.setRangeText(text, start, end, "end");
    changed(field);
    field.focus();
  };

  const markup = {
    mjml: {
      image: (one) => `<mj-image src="${escaped(one.url)}" alt="${escaped(one.alt)}" width="${Math.min(one.width, 600)}px" />\n`,
      file: (one) => `<a href="${escaped(one.url)}">${escaped(one.words)}</a>`,
    },
    html: {
      image: (one) => `<img src="${escaped(one.url)}" alt="${escaped(one.alt)}" width="${Math.min(one.width, 600)}">`,
      file: (one) => `<a href="${escaped(one.url)}">${escaped(one.words)}</a>`,
    },
    text: { image: (one) => one.url, file: (one) => `${one.words}: ${one.url}` },
    words: { image: (one) => one.url, file: (one) => `[${one.words.replace(/[[\]]/g, "")}](${one.url})` },
  };

  const attach = (one) => {
    const list = document.querySelector("[data-files]");
    if (list.querySelector(`input[value="${one.id}"]`)) return;
    const label = document.createElement("label");
    label.className = "form-check";
    const box = Object.assign(document.createElement("input"), { type: "checkbox", name: "files", value: one.id, checked: true, className: "form-check-input" });
    const name = Object.assign(document.createElement("span"), { className: "form-check-label", textContent: one.name });
    label.append(box, " ", name);
    list.append(label);
    changed(box);
  };

  const take = (one) => {
    const { pick: kind, into, mode } = button.dataset;
    if (mode === "attach") attach(one);
    else if (mode === "field") {
      const [src, alt] = [fieldOf(`${into}.src`), fieldOf(`${into}.alt`)];
      src.value = one.url;
      if (alt) alt.value = one.alt;
      changed(src);
    } else if (mode === "url") {
      const field = fieldOf(into);
      field.value = one.url;
      changed(field);
    } else insert(fieldOf(into), markup[mode][kind](one));
  };

  addEventListener("click", (event) => {
    const found = event.target.closest?.("[data-pick]");
    if (!found || event.ctrlKey || event.metaKey || !window.htmx) return;
    event.preventDefault();
    button = found;
    const field = fieldOf(found.dataset.into);
    place = field && "selectionStart" in field ? [field.selectionStart, field.selectionEnd] : null;
    document.getElementById("picker-title").textContent = found.textContent;
    picker.showPopover();
    htmx.ajax("GET", `/templates/media/choose?kind=${found.dataset.pick}`, { target: "#picker-body" });
  });

  picker.addEventListener("change", (event) => {
    const alt = picker.querySelector("#picker-alt");
    if (event.target.name === "decorative" && alt) {
      alt.required = !event.target.checked;
      alt.disabled = event.target.checked;
    }
    const words = picker.querySelector("#picker-words");
    if (event.target.name === "media" && words && !words.dataset.own) words.value = event.target.dataset.name;
    if (event.target === words) words.dataset.own = "1";
  });

  picker.addEventListener("submit", (event) => {
    const form = event.target.closest("[data-picked]");
    if (!form) return;
    event.preventDefault();
    const chosen = form.elements.media.length ? [...form.elements.media].find((one) => one.checked) : form.elements.media;
    take({
      id: chosen.dataset.id,
      name: chosen.dataset.name,
      url: chosen.value,
      width: Number(chosen.dataset.width) || 600,
      alt: form.elements.decorative?.checked ? "" : form.elements.alt?.value.trim() ?? "",
      words: form.elements.words?.value.trim() || chosen.dataset.name,
    });
    picker.hidePopover();
    button.focus();
  });
})();
