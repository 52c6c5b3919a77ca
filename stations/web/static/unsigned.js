// A form that was not finished is filled in again. Without this its texts stand above the form.
"use strict";
(function () {
  // What the page says by itself; of a case that went on meanwhile it knows the newest state.
  const OWN = ["form", "once", "next", "heads"];
  // What names the thing that a form is about: a text never goes into the form of another one.
  const NAMES = ["order_no", "case", "f.target", "pad", "key", "role", "scope"];
  const pathOf = (form) => new URL(form.getAttribute("action") || "", window.location.href).pathname.replace(/\/draft\/step$/, "");
  const hidden = (form) => [...form.elements].filter((one) => one.type === "hidden" && !OWN.includes(one.name));
  const says = (one, fields) => (fields[one.name] || []).includes(one.value);

  // Several forms of a page may go to one place: what they carry unseen tells them apart.
  function formOf(action, fields, apart) {
    const forms = [...document.querySelectorAll("main form")].filter((form) => form.method === "post"
      && !(apart && apart.contains(form)) && pathOf(form) === action
      && hidden(form).every((one) => !NAMES.includes(one.name) || says(one, fields)));
    const likeness = (form) => hidden(form).filter((one) => says(one, fields)).length;
    return forms.sort((a, b) => likeness(b) - likeness(a))[0];
  }

  function wordOf(form, word) {
    let field = form.elements.draft;
    if (!field) {
      field = document.createElement("input");
      Object.assign(field, { type: "hidden", name: "draft" });
      form.append(field);
    }
    if (word) field.value = word;
    return field;
  }

  // Args: seen: only what somebody sees is filled in.
  function fill(form, fields, seen) {
    const turn = {};
    for (const one of form.elements) {
      if (!one.name || OWN.includes(one.name) || ["file", "password", "submit", "button"].includes(one.type)) continue;
      if (seen && one.type === "hidden") continue;
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
  window.banjianForms = { formOf, wordOf, fill, pathOf };

  document.querySelectorAll("[data-unsigned]").forEach((place) => {
    const fields = JSON.parse(place.dataset.unsigned), form = formOf(place.dataset.action, fields, place);
    if (!form) return;
    fill(form, fields, false);
    if (fields.draft && fields.draft[0]) wordOf(form, fields.draft[0]);
    const shown = place.querySelector("[data-unsigned-shown]");
    if (shown) shown.open = false;
    form.dispatchEvent(new Event("change", { bubbles: true }));
  });
})();
