// Forms that are kept while somebody types: after a power cut, a lock or a restart they are found on their page.
"use strict";
(function () {
  const words = document.getElementById("sending"), told = document.getElementById("typed-words");
  const { formOf, wordOf, fill, pathOf } = window.banjianForms;
  const AFTER_MS = 1200, AGAIN_MS = 5000;
  if (!words || !told) return;

  // What opens a key is never sent before its form is; of a file nothing is kept.
  function dataOf(form) {
    const data = new FormData(), secret = [...form.querySelectorAll("input[type=password]")].map((one) => one.name);
    for (const [name, value] of new FormData(form)) if (typeof value === "string" && !secret.includes(name)) data.append(name, value);
    data.append("kept.action", pathOf(form));
    data.append("kept.page", form.dataset.draft);
    return data;
  }

  function watch(form) {
    const place = document.createElement("span");
    let timer = 0, isNew = false, isBusy = false;
    place.setAttribute("aria-live", "polite");
    form.append(place);

    function tell(text, isBad) {
      place.className = isBad ? "problem-line" : "";
      place.textContent = text;
    }
    function newWord() {
      const bytes = crypto.getRandomValues(new Uint8Array(8));
      return [...bytes].map((one) => one.toString(16).padStart(2, "0")).join("");
    }
    // After a restart the same person has another word; the form goes on with that.
    async function renew() {
      const answer = await fetch("/form", { headers: { "X-Banjian-Form": form.elements.form.value, "X-Banjian-Live": "1" }, credentials: "same-origin", cache: "no-store" });
      const said = answer.ok ? await answer.json() : {};
      if (said.who !== words.dataset.who) return false;
      window.banjianRenew(said.form);
      return true;
    }
    async function keep(headers) {
      if (isBusy || form.dataset.sent === "gone") return;
      isBusy = true;
      isNew = false;
      let good = false, isLarge = false;
      try {
        const answer = await fetch("/typed", { method: "POST", body: dataOf(form), headers, credentials: "same-origin" });
        const isAnswer = (answer.headers.get("Content-Type") || "").startsWith("application/json");
        good = answer.ok && !answer.redirected && isAnswer && (await answer.json()).kept === true;
        isLarge = answer.status === 422 || answer.status === 413;
      } catch {
        good = false;
      }
      isBusy = false;
      clearTimeout(timer);
      if (good) {
        tell(told.dataset.kept, false);
        // A page that is loaded again is filled in from its own form.
        const where = new URL(form.dataset.draft, window.location.href);
        where.searchParams.set("draft", form.elements.draft.value);
        // Of a form that is on its way the address stays: a change would stop what was sent.
        if (!form.dataset.sent) window.history.replaceState(window.history.state, "", where);
        if (isNew) timer = setTimeout(() => keep({}), AFTER_MS);
      } else {
        isNew = true;
        tell(isLarge ? told.dataset.large : told.dataset.failed, true);
        if (!isLarge) timer = setTimeout(again, AGAIN_MS);
      }
    }
    // What the page tries again by itself keeps no browser unlocked.
    async function again() {
      let may = false;
      try { may = await renew(); } catch { may = false; }
      if (may) await keep({ "X-Banjian-Live": "1" }); else timer = setTimeout(again, AGAIN_MS);
    }
    function changed() {
      if (!wordOf(form, "").value) wordOf(form, newWord());
      isNew = true;
      clearTimeout(timer);
      timer = setTimeout(() => keep({}), AFTER_MS);
    }
    form.addEventListener("input", changed);
    form.addEventListener("change", changed);
    window.addEventListener("pagehide", () => {
      // Of a page that goes away because of a lock the station was given everything.
      if (isNew && !form.dataset.sent && !document.body.classList.contains("covered")) navigator.sendBeacon("/typed", dataOf(form));
    });
  }

  document.querySelectorAll("main form[data-draft]").forEach(watch);
  // What was refused goes on as the same form, with what was typed also where the page does not show it again.
  const sent = document.querySelector("[data-typed-sent]");
  const fields = sent ? JSON.parse(sent.dataset.typedSent) : {}, form = sent && formOf(sent.dataset.action, fields, null);
  if (form) {
    fill(form, fields, true);
    wordOf(form, fields.draft[0]);
  }
})();
