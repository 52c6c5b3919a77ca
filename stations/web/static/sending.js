// A form that signs is sent once, and only where it arrives: what was typed never ends on a browser's page of errors.
"use strict";
(function () {
  const words = document.getElementById("sending"), WAIT_MS = 8000;
  const isOnce = (form) => form instanceof HTMLFormElement && form.hasAttribute("data-once");

  // Asks the station whether the form's word still holds; after a restart its author has another one.
  async function whyNot(form) {
    const field = form.elements.form, ended = new AbortController(), late = setTimeout(() => ended.abort(), WAIT_MS);
    let told;
    try {
      const answer = await fetch("/form", { headers: { "X-Banjian-Form": field.value }, credentials: "same-origin", cache: "no-store", signal: ended.signal });
      if (!answer.ok) return "";
      told = await answer.json();
    } catch {
      return "down";
    } finally {
      clearTimeout(late);
    }
    // Locked meanwhile, or in other hands: the station keeps what was typed for its author.
    if (told.who !== words.dataset.who) return told.known ? "" : told.who ? "changed" : "anew";
    // The same person for the same station, who may have signed in again since the page was opened.
    renew(told.form);
    return "";
  }

  function renew(word) {
    document.querySelectorAll("input[type=hidden][name=form]").forEach((one) => { one.value = word; });
    document.body.setAttribute("hx-headers", JSON.stringify({ "X-Banjian-Form": word }));
  }
  window.banjianRenew = renew;

  // After a restart the same person has another word: what a page tries again by itself goes on with that.
  async function isRenewed(word) {
    try {
      const answer = await fetch("/form", { headers: { "X-Banjian-Form": word, "X-Banjian-Live": "1" }, credentials: "same-origin", cache: "no-store" });
      const told = answer.ok ? await answer.json() : {}, isSame = Boolean(words) && told.who === words.dataset.who;
      if (isSame) renew(told.form);
      return isSame;
    } catch {
      return false;
    }
  }
  window.banjianIsRenewed = isRenewed;

  function tell(form, why) {
    let place = form.querySelector("[data-unsent]");
    if (!place) {
      place = document.createElement("div");
      place.dataset.unsent = "";
      place.className = "problem";
      place.setAttribute("role", "alert");
      form.append(place);
    }
    place.textContent = why ? words.dataset[why] + " " : "";
    place.hidden = !why;
    if (why === "anew") {
      const link = document.createElement("a");
      Object.assign(link, { href: "/sign-in", target: "_blank", textContent: words.dataset.link });
      place.append(link);
    }
    if (why) place.scrollIntoView({ block: "nearest" });
  }

  function rest(form) { delete form.dataset.sent; form.removeAttribute("aria-busy"); }

  document.addEventListener("submit", (event) => {
    const form = event.target, pressed = event.submitter;
    if (!isOnce(form)) return;
    if (!words) {
      // Nobody has signed in, so there is nothing to ask; it goes at once, and once.
      if (form.dataset.sent) event.preventDefault();
      form.dataset.sent = "gone";
      return;
    }
    if (form.dataset.sent === "may go") { form.dataset.sent = "gone"; return; }
    event.preventDefault();
    if (form.dataset.sent) return;
    form.dataset.sent = "asking";
    form.setAttribute("aria-busy", "true");
    // What was typed last is kept first: where the station ends on the way, it is there afterwards.
    Promise.resolve(window.banjianKeep && window.banjianKeep(form)).then(() => whyNot(form)).catch(() => "").then((why) => {
      tell(form, why);
      if (why) { rest(form); return; }
      form.dataset.sent = "may go";
      form.requestSubmit(pressed);
      if (form.dataset.sent === "may go") rest(form);
    });
  });
  window.addEventListener("pageshow", () => { document.querySelectorAll("form[data-once]").forEach(rest); });
})();
