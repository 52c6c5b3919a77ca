// What the pages do by themselves. No page needs it for a form to be sent; without it everything is a little slower.
"use strict";
(function () {
  const within = (event, selector) => event.target instanceof Element && event.target.closest(selector);

  // Printing, ticking all papers.
  document.addEventListener("click", (event) => {
    if (within(event, "[data-print]")) window.print();
    const all = within(event, "[data-tick-all]");
    if (all) document.querySelectorAll(`input[name="${all.dataset.tickAll}"]`).forEach((box) => { box.checked = true; });
  });

  // What is folded is printed too: a list on paper is whole.
  window.addEventListener("beforeprint", () => {
    document.querySelectorAll("details.sheet:not([open]), details.printed:not([open])").forEach((fold) => { fold.open = true; fold.dataset.unfolded = "1"; });
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

  // A gun was fired while the cursor stood in the name, the phone or the address: the number goes where it belongs.
  // Fifteen digits may be a phone as well.
  const isResident = (text) => /^\d{6}(18|19|20)\d{9}[\dX]$/.test(text)
    && "10X98765432"[[...text.slice(0, 17)].reduce((sum, one, at) => sum + one * (2 ** (17 - at) % 11), 0) % 11] === text[17];
  document.addEventListener("change", (event) => {
    const field = event.target;
    if (!(field instanceof HTMLInputElement) || !field.dataset.number) return;
    // What stands before a number stays as it was typed: names are kept letter by letter.
    const plain = (words) => words.normalize("NFKC").replace(/\s/g, "").toUpperCase();
    const typed = field.value.trim(), text = plain(typed), last = plain(typed.slice(-18));
    const other = document.getElementById(field.dataset.number);
    const whole = field.name.endsWith(".name") ? /^(\d{17}[\dX]|\d{15})$/ : /^\d{17}[\dX]$/;
    const isWhole = whole.test(text), number = isWhole ? text : last;
    // Behind what was typed before, only a number whose check digit holds is one.
    if (!isWhole && !isResident(number)) return;
    if (!other || ![number, ""].includes(other.value)) return;
    const before = isWhole ? "" : typed.slice(0, -18).trim();
    field.value = plain(before) === number ? "" : before;
    other.value = number;
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
})();
