// A form that was sent while nobody acted is filled in again. Without this its texts stand above the form.
"use strict";
(function () {
  // What the page says by itself; of a case that went on meanwhile it knows the newest state.
  const OWN = ["form", "once", "next", "heads"];
  const pathOf = (form) => new URL(form.getAttribute("action") || "", window.location.href).pathname.replace(/\/draft\/step$/, "");

  // Several forms of a page may go to one place: what they carry unseen tells them apart.
  const likeness = (form, fields) => [...form.elements].filter(
    (one) => one.type === "hidden" && !OWN.includes(one.name) && (fields[one.name] || []).includes(one.value)).length;

  function fill(form, fields) {
    const turn = {};
    for (const one of form.elements) {
      if (!one.name || OWN.includes(one.name) || ["file", "password", "submit", "button"].includes(one.type)) continue;
      const texts = fields[one.name] || [];
      if (one.type === "checkbox" || one.type === "radio") {
        one.checked = texts.includes(one.value);
      } else if (texts.length) {
        const at = turn[one.name] || 0;
        turn[one.name] = at + 1;
        if (at < texts.length) one.value = texts[at];
      }
      const fold = one.closest("details");
      if (fold && one.type !== "hidden" && texts.some((text) => text)) fold.open = true;
    }
  }

  document.querySelectorAll("[data-unsigned]").forEach((place) => {
    const fields = JSON.parse(place.dataset.unsigned);
    const forms = [...document.querySelectorAll("main form")].filter(
      (form) => form.method === "post" && !place.contains(form) && pathOf(form) === place.dataset.action);
    forms.sort((a, b) => likeness(b, fields) - likeness(a, fields));
    if (!forms.length) return;
    fill(forms[0], fields);
    const shown = place.querySelector("[data-unsigned-shown]");
    if (shown) shown.open = false;
    forms[0].dispatchEvent(new Event("change", { bubbles: true }));
  });
})();
