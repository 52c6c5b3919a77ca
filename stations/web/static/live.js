// Open pages hear of what changes. Where events cannot be had, the line of safety is asked for every 20 seconds.
"use strict";
(function () {
  const line = document.getElementById("safety");
  const words = document.getElementById("sending");
  if (!line || !line.dataset.events || !words) return;
  const POLL_MS = 20000, ASK_MS = 2000;
  let source = null, poll = 0;

  const ask = (name) => htmx.trigger(document.body, name);
  const refresh = () => { htmx.trigger(line, "banjian-safety"); };
  function fallBack() { if (!poll) poll = setInterval(refresh, POLL_MS); }
  function isTyping() {
    const field = document.activeElement;
    return field instanceof HTMLElement && field.matches("main input, main textarea, main select");
  }

  // What grows old by itself is made anew though nothing happens: a station that died sends no act.
  const AGAIN_MS = 5000;
  let madeAt = Date.now();
  setInterval(() => {
    const main = document.getElementById("main"), seconds = Number(main && main.dataset.again);
    if (!seconds || document.hidden || isTyping() || Date.now() - madeAt < seconds * 1000) return;
    madeAt = Date.now();
    ask("banjian-acts");
  }, AGAIN_MS);

  function listen() {
    if (source || document.hidden) return;
    if (!window.EventSource) { fallBack(); return; }
    source = new EventSource(line.dataset.events);
    source.onopen = () => {
      // A station that was gone may have been started anew, and somebody have signed in before it was heard of.
      if (poll) look();
      clearInterval(poll);
      poll = 0;
      if (line.classList.contains("gone")) refresh();
      line.dataset.listening = "1";
    };
    source.onerror = () => {
      probe();
      delete line.dataset.listening;
      fallBack();
      if (source && source.readyState === EventSource.CLOSED) source = null;
    };
    source.addEventListener("safety", refresh);
    // Lists are made anew, unless somebody is typing in the page.
    source.addEventListener("acts", () => { if (!isTyping()) ask("banjian-acts"); });
    // Nobody acts here any more.
    source.addEventListener("locked", () => { hush(); leave(); });
  }
  function isChanged(field) {
    if (field.type === "hidden") return false;
    if (field.matches("select")) return [...field.options].some((one) => one.selected !== one.defaultSelected) && field.selectedIndex > 0;
    return field.type === "checkbox" || field.type === "radio" ? field.checked !== field.defaultChecked : field.value !== field.defaultValue;
  }
  // What a form that was refused shows again is worth as much as what was typed since.
  function isWorth(form) {
    const fields = [...form.elements].filter((one) => one.matches("input, textarea, select"));
    return fields.some(isChanged) || (document.querySelector("main > .problem[role=alert]") && fields.some((one) => one.matches("textarea, input:not([type])") && one.value));
  }
  // The page of a form, with the form's word: each tab comes back to its own, wherever the form stood.
  function pageOf(form) {
    const where = new URL(form && form.dataset.draft || location.pathname + location.search, location.href);
    const field = form && form.elements.draft;
    if (field && field.value) where.searchParams.set("draft", field.value);
    return where.pathname + where.search;
  }
  // The same page asked for anew, also where it was the answer to a form.
  const again = (form) => { location.replace(pageOf(form)); };

  // Who locks by the menu comes back to what was being typed.
  document.addEventListener("submit", (event) => {
    if (event.target.getAttribute("action") !== "/lock") return;
    const next = document.createElement("input"), typed = [...document.querySelectorAll("main form[data-once]")].find(isWorth);
    Object.assign(next, { type: "hidden", name: "next", value: pageOf(typed) });
    event.target.append(next);
  });

  // The page shows what only its reader may see: it goes away, and the station keeps what was being typed.
  let isLeaving = false;
  async function leave() {
    if (isLeaving) return;
    isLeaving = true;
    const forms = [...document.querySelectorAll("main form[data-once]")].filter(isWorth);
    if (!forms.length) { again(); return; }
    const place = cover();
    if (await keepAll(forms)) { again(forms[0]); return; }
    place.hidden = false;
    const timer = setInterval(async () => {
      const told = await whoActs();
      if (!told) return;
      if (told.who === words.dataset.who) {
        clearInterval(timer);
        uncover(place, told);
      } else if (told.known && await keepAll(forms)) {
        clearInterval(timer);
        again(forms[0]);
      }
    }, ASK_MS);
  }
  async function keepAll(forms) {
    return (await Promise.all(forms.map(keep))).every(Boolean);
  }
  async function keep(form) {
    const data = new FormData();
    // Of a file only its name goes along: it is chosen again.
    for (const [name, value] of new FormData(form)) data.append(name, value instanceof File ? new File([], value.name) : value);
    data.append("kept.action", new URL(form.getAttribute("action") || "", location.href).pathname);
    data.append("kept.page", pageOf(form));
    try {
      const answer = await fetch("/unsigned/keep", { method: "POST", body: data, headers: { "X-Banjian-Live": "1" }, credentials: "same-origin" });
      const told = answer.ok ? await answer.json() : {};
      // Of a key that ended nothing is kept: the page goes all the same.
      return Boolean(told.kept || told.ended);
    } catch {
      return false;
    }
  }
  function cover() {
    const place = document.createElement("section"), link = document.createElement("a"), text = document.createElement("p");
    Object.assign(place, { id: "cover", className: "problem", hidden: true });
    place.setAttribute("role", "alert");
    text.textContent = words.dataset.covered;
    Object.assign(link, { href: "/sign-in", target: "_blank", textContent: words.dataset.link });
    place.append(text, link);
    document.body.append(place);
    document.body.classList.add("covered");
    return place;
  }
  function uncover(place, told) {
    window.banjianRenew(told.form);
    place.remove();
    document.body.classList.remove("covered");
    isLeaving = false;
    listen();
  }
  async function whoActs() {
    const field = document.querySelector("main form[data-once] input[name=form]");
    try {
      const answer = await fetch("/form", { headers: { "X-Banjian-Form": field ? field.value : "", "X-Banjian-Live": "1" }, credentials: "same-origin", cache: "no-store" });
      return answer.ok ? await answer.json() : null;
    } catch {
      return null; // The line of safety tells that the station is gone.
    }
  }
  // A page that was out of sight has not heard of a lock, of another person at this PC, or of a restart: the
  // same person has another word after that.
  async function look() {
    const told = await whoActs();
    if (!told) return;
    if (told.who !== words.dataset.who) { leave(); return; }
    window.banjianRenew(told.form);
    listen();
  }
  // The station itself is gone: what the line says is what was so before.
  function mark(isGone) {
    line.classList.toggle("gone", isGone);
    let note = document.getElementById("safety-gone");
    if (isGone && !note) {
      note = document.createElement("div");
      Object.assign(note, { id: "safety-gone", className: "problem", textContent: line.dataset.gone });
      note.setAttribute("role", "alert");
      line.before(note);
    } else if (!isGone && note) {
      note.remove();
    }
  }
  function probe() {
    fetch("/safe/line", { headers: { "X-Banjian-Live": "1" }, credentials: "same-origin", cache: "no-store" })
      .then(() => mark(false), () => mark(true));
  }
  document.body.addEventListener("htmx:sendError", (event) => { if (event.detail.elt === line) mark(true); });
  document.body.addEventListener("htmx:afterOnLoad", (event) => { if (event.detail.elt === line) mark(false); });
  // A station that was started anew, or a page without events: nothing is told of who acts nowhere, and the line
  // does not tell whose it is.
  document.body.addEventListener("htmx:afterRequest", (event) => {
    if (event.detail.elt !== line) return;
    const status = event.detail.xhr.status, isDeaf = !source && !document.hidden;
    if (status === 204 || (status === 200 && isDeaf)) look();
  });
  function hush() { if (source) { source.close(); source = null; delete line.dataset.listening; } }

  // A browser has few connections to one place: only the page that is seen listens.
  document.addEventListener("visibilitychange", () => { if (document.hidden) hush(); else { refresh(); listen(); look(); } });
  window.addEventListener("pagehide", hush);
  window.addEventListener("pageshow", listen);
  listen();
})();
