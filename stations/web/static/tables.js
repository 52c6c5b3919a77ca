// Lists that are sorted by their headings and filtered by words. A page that is made anew because something has arrived
// keeps the order, the words and the place of the keyboard. Without it lists stand in the order of the station.
"use strict";
(function () {
  const LIGHTS = ["light-red", "light-yellow", "light-green", "light-paused", "light-done"];
  const chosen = new Map(), sought = new Map();
  const tables = () => [...document.querySelectorAll("table[data-sortable]")];

  // Parts of a page come and go: a list is known by the heading of its part.
  function keyOf(table) {
    const part = table.closest("section[aria-labelledby]");
    const beside = [...(part || document).querySelectorAll("table[data-sortable]")];
    return `${window.location.pathname} ${part ? part.getAttribute("aria-labelledby") : ""} ${beside.indexOf(table)}`;
  }

  // A light is sorted by how much it presses, not by its word.
  function valueOf(cell) {
    const light = cell.querySelector(".light");
    const rank = light ? LIGHTS.findIndex((name) => light.classList.contains(name)) : -1;
    return rank < 0 ? (cell.dataset.said ?? cell.innerText.trim()) : String(rank);
  }
  // The label of a box is the same ticked or not: such a cell says what it says.
  function saidBy(row) { return [...row.cells].map((cell) => cell.dataset.said ?? cell.textContent).join(" "); }
  function sort(table, column, down) {
    const rows = [...table.tBodies[0].rows].filter((row) => row.cells[column]);
    const numbers = rows.every((row) => /^[\d—]*$/.test(valueOf(row.cells[column])));
    const compare = (a, b) => numbers ? Number(a.replace("—", "") || 0) - Number(b.replace("—", "") || 0) : a.localeCompare(b, "zh-CN");
    const valued = rows.map((row) => [valueOf(row.cells[column]), row]).sort((a, b) => compare(a[0], b[0]));
    if (down) valued.reverse();
    table.querySelectorAll("th").forEach((one) => one.removeAttribute("aria-sort"));
    table.tHead.rows[0].cells[column].setAttribute("aria-sort", down ? "descending" : "ascending");
    valued.forEach(([, row]) => table.tBodies[0].append(row));
  }
  document.addEventListener("click", (event) => {
    const button = event.target instanceof Element && event.target.closest("button.sort");
    if (!button) return;
    const head = button.closest("th"), table = head.closest("table"), column = [...head.parentNode.children].indexOf(head);
    const down = head.getAttribute("aria-sort") === "ascending";
    sort(table, column, down);
    chosen.set(keyOf(table), { column, down });
  });

  // A heading becomes a button: whoever has no mouse, or does not see it, finds out what it does.
  function offerSorting(table) {
    for (const head of table.tHead ? table.tHead.querySelectorAll("th") : []) {
      if (head.querySelector("button.sort") || !head.textContent.trim()) continue;
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      button.append(...head.childNodes);
      head.append(button);
    }
    const known = chosen.get(keyOf(table));
    if (known && !table.querySelector("th[aria-sort]") && table.tHead.rows[0].cells[known.column]) sort(table, known.column, known.down);
  }

  // A field above each list hides the rows that do not hold every word.
  function offerFilter(table) {
    if (table.dataset.filtered || table.tBodies[0].rows.length < 2) return;
    table.dataset.filtered = "1";
    const key = keyOf(table), known = sought.get(key) || {};
    const label = document.createElement("label"), field = document.createElement("input"), count = document.createElement("output");
    label.className = "table-filter no-print";
    field.type = "search"; field.maxLength = 100; field.autocomplete = "off"; field.value = known.text || "";
    label.append(document.body.dataset.filterWords, " ", field, " ", count);
    const place = table.closest(".scroll") || table;
    place.before(label);
    const apply = () => {
      const words = field.value.toLowerCase().split(/\s+/).filter(Boolean), rows = [...table.tBodies[0].rows];
      rows.forEach((row) => { const text = saidBy(row).toLowerCase(); row.hidden = !words.every((word) => text.includes(word)); });
      count.textContent = words.length ? `${rows.filter((row) => !row.hidden).length} / ${rows.length}` : "";
      sought.set(key, { text: field.value, here: document.activeElement === field });
    };
    field.addEventListener("input", apply);
    field.addEventListener("focus", () => sought.set(key, { text: field.value, here: true }));
    field.addEventListener("blur", () => { if (field.isConnected) sought.set(key, { text: field.value, here: false }); });
    if (known.text) apply();
    if (known.here) field.focus();
  }

  // Where the keyboard stands: an element by its id, else by what it does and the row that it stands in.
  let stood = null;
  function whatIs(one) {
    const name = one.matches("a[href]") ? `a[href="${CSS.escape(one.getAttribute("href"))}"]` : one.tagName.toLowerCase();
    const row = one.closest("tbody tr"), table = one.closest("table[data-sortable]");
    const within = row && row.id ? `#${CSS.escape(row.id)}` : table ? "" : "main";
    const among = [...(row || table || document.getElementById("main")).querySelectorAll(name)];
    return { id: one.id, name, row: within, table: table && keyOf(table), at: among.indexOf(one), line: row ? row.sectionRowIndex : -1 };
  }
  function foundAgain({ id, name, row, table, at, line }) {
    if (id) return document.getElementById(id);
    const list = tables().find((one) => keyOf(one) === table);
    const place = row ? document.querySelector(row) : list;
    const same = place && [...place.querySelectorAll(name)][at];
    if (same || !list || line < 0) return same;
    // The line has gone: the one that stands in its place now, else the last.
    const next = list.tBodies[0].rows[Math.min(line, list.tBodies[0].rows.length - 1)];
    return next && next.querySelector("a[href], button");
  }
  function isMain(event) { return event.detail.target && event.detail.target.id === "main"; }
  document.addEventListener("htmx:beforeSwap", (event) => {
    const here = document.activeElement, main = document.getElementById("main");
    if (!isMain(event) || !main) return;
    if (main.contains(here) && here !== main) stood = whatIs(here);
    // News may come faster than a page settles: then the keyboard has not come back yet.
    else if (here && here !== document.body) stood = null;
  });
  function comeBack() {
    if (!stood) return;
    const main = document.getElementById("main"), told = stood;
    stood = null;
    if (main.contains(document.activeElement)) return;
    const one = foundAgain(told);
    if (one) { one.focus({ preventScroll: true }); return; }
    // Nothing is left of it: reading goes on where the page begins, and not in front of everything.
    main.tabIndex = -1;
    main.focus({ preventScroll: true });
  }

  function prepare() { tables().forEach((table) => { offerSorting(table); offerFilter(table); }); }
  prepare();
  document.addEventListener("htmx:afterSettle", () => { prepare(); comeBack(); });
})();
