// What the pages do by themselves. No page needs it for a form to be sent; without it everything is a little slower.
"use strict";
(function () {
  const within = (event, selector) => event.target instanceof Element && event.target.closest(selector);

  // Printing, ticking all papers.
  document.addEventListener("click", (event) => {
    if (within(event, "[data-print]")) window.print();
    const all = within(event, "[data-tick-all]");
    if (all) document.querySelectorAll(`input[name="${all.dataset.tickAll}"]`).forEach((box) => { box.checked = true; });
    const head = within(event, "table[data-sortable] th");
    if (head) sortBy(head);
  });

  // What is folded is printed too: a list on paper is whole.
  window.addEventListener("beforeprint", () => {
    document.querySelectorAll("details.sheet:not([open])").forEach((fold) => { fold.open = true; fold.dataset.unfolded = "1"; });
  });
  window.addEventListener("afterprint", () => {
    document.querySelectorAll("details[data-unfolded]").forEach((fold) => { fold.open = false; delete fold.dataset.unfolded; });
  });

  // Enter goes to the next field (scan guns end with Enter), Ctrl+Enter signs. Enter while a Chinese word is being
  // composed belongs to the input method.
  document.addEventListener("keydown", (event) => {
    const field = event.target;
    if (event.isComposing || event.keyCode === 229 || event.key !== "Enter") return;
    const form = field instanceof Element && field.closest("form[data-steps]");
    if (!form) return;
    if (event.ctrlKey) {
      event.preventDefault();
      // What was typed last is put in order before it is sent, as it would be on leaving the field.
      field.dispatchEvent(new Event("change", { bubbles: true }));
      form.requestSubmit();
      return;
    }
    if (!(field instanceof HTMLInputElement) && !(field instanceof HTMLSelectElement)) return;
    event.preventDefault();
    const fields = [...form.querySelectorAll("input, select, textarea, button")].filter(
      (one) => !one.disabled && one.type !== "hidden" && one.type !== "file" && one.offsetParent !== null);
    const next = fields[fields.indexOf(field) + 1];
    if (next) next.focus();
  });

  // What is only half composed is not searched for; the whole word is, as soon as it stands.
  document.addEventListener("input", (event) => {
    if (event.isComposing) event.stopImmediatePropagation();
  }, true);
  document.addEventListener("compositionend", (event) => { event.target.dispatchEvent(new Event("input", { bubbles: true })); });

  // A gun was fired while the cursor stood in the name: the number goes where it belongs.
  document.addEventListener("change", (event) => {
    const field = event.target;
    if (!(field instanceof HTMLInputElement) || !field.dataset.number) return;
    const text = field.value.normalize("NFKC").replace(/\s/g, "").toUpperCase(), other = document.getElementById(field.dataset.number);
    if (!/^(\d{17}[\dX]|\d{15})$/.test(text) || !other || other.value) return;
    field.value = "";
    other.value = text;
    other.dispatchEvent(new Event("change", { bubbles: true }));
    setTimeout(() => field.focus());
  });

  // A scan gun types fast and in half or full width; the field keeps what a number may hold.
  document.addEventListener("change", (event) => {
    const field = event.target;
    if (field instanceof HTMLInputElement && field.hasAttribute("data-scan")) {
      field.value = field.value.normalize("NFKC").replace(/\s/g, "").toUpperCase();
    }
  });

  // What the browser refuses to send is shown, also where it stands in a part that is folded.
  document.addEventListener("invalid", (event) => {
    for (let part = event.target.closest("details:not([open])"); part; part = part.closest("details:not([open])")) part.open = true;
  }, true);

  // Whoever is told that something is wrong stands in that field, also where it is folded.
  function goToWrong() {
    const wrong = document.querySelector('main [aria-invalid="true"], main .wrong input');
    for (let part = wrong && wrong.closest("details:not([open])"); part; part = part.closest("details:not([open])")) part.open = true;
    if (wrong) wrong.focus();
  }
  goToWrong();

  // A page that is loaded again is filled in from its own draft.
  document.addEventListener("htmx:afterSettle", () => {
    const kept = document.querySelector("[data-draft-at]"), step = new URLSearchParams(window.location.search).get("step");
    // Of a form that is on its way the address stays: a change would stop what was sent.
    if (kept && !(kept.closest("form") || document.body).dataset.sent) window.history.replaceState(window.history.state, "", kept.dataset.draftAt + (step ? `&step=${encodeURIComponent(step)}` : ""));
  });

  // Whoever goes back a step in the browser finds what was typed there.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!(form instanceof HTMLFormElement) || !form.matches(".stepwise")) return;
    const here = new URL(window.location.href);
    here.searchParams.set("draft", form.elements.draft.value);
    window.history.replaceState(window.history.state, "", here);
  });

  function sortBy(head) {
    const table = head.closest("table"), column = [...head.parentNode.children].indexOf(head);
    const down = head.getAttribute("aria-sort") === "ascending";
    const rows = [...table.tBodies[0].rows];
    const text = (row) => row.cells[column].innerText.trim();
    const numbers = rows.every((row) => /^[\d—]*$/.test(text(row)));
    rows.sort((a, b) => numbers ? Number(text(a) || 0) - Number(text(b) || 0) : text(a).localeCompare(text(b), "zh-CN"));
    if (down) rows.reverse();
    table.querySelectorAll("th").forEach((one) => one.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    rows.forEach((row) => table.tBodies[0].append(row));
  }
  function prepare() {
    document.querySelectorAll("table[data-sortable] thead th").forEach((head) => { head.dataset.sort = ""; head.tabIndex = 0; });
    document.querySelectorAll("table[data-sortable]").forEach(offerFilter);
  }

  // A field above each list hides the rows that do not hold every word. What somebody typed into it stays when the
  // page is shown anew because something has arrived.
  const sought = new Map();
  function offerFilter(table, at) {
    if (table.dataset.filtered || table.tBodies[0].rows.length < 2) return;
    table.dataset.filtered = "1";
    const key = `${window.location.pathname} ${at}`, known = sought.get(key) || {};
    const label = document.createElement("label"), field = document.createElement("input"), count = document.createElement("output");
    label.className = "table-filter no-print";
    field.type = "search"; field.maxLength = 100; field.autocomplete = "off"; field.value = known.text || "";
    label.append(document.body.dataset.filterWords, " ", field, " ", count);
    const place = table.closest(".scroll") || table;
    place.before(label);
    const apply = () => {
      const words = field.value.toLowerCase().split(/\s+/).filter(Boolean), rows = [...table.tBodies[0].rows];
      rows.forEach((row) => { const text = row.textContent.toLowerCase(); row.hidden = !words.every((word) => text.includes(word)); });
      count.textContent = words.length ? `${rows.filter((row) => !row.hidden).length} / ${rows.length}` : "";
      sought.set(key, { text: field.value, here: document.activeElement === field });
    };
    field.addEventListener("input", apply);
    field.addEventListener("focus", () => sought.set(key, { text: field.value, here: true }));
    field.addEventListener("blur", () => { if (field.isConnected) sought.set(key, { text: field.value, here: false }); });
    if (known.text) apply();
    if (known.here) field.focus();
  }
  prepare();
  document.addEventListener("htmx:afterSettle", prepare);
  document.addEventListener("keydown", (event) => { const head = within(event, "th[data-sort]"); if (head && event.key === "Enter") sortBy(head); });
})();
