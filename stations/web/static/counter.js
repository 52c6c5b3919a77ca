// Copying a field for another program, scanning through a list. Nothing here is needed to send a form.
"use strict";
(function () {
  const within = (event, selector) => event.target instanceof Element && event.target.closest(selector);

  // Copying works over plain HTTP in the office too, where browsers offer no clipboard to scripts.
  document.addEventListener("click", (event) => {
    const button = within(event, "[data-copy]");
    if (!button) return;
    const text = button.dataset.copy;
    const said = (good) => {
      button.dataset.copied = good ? "✓" : "×";
      const place = document.getElementById("copied");
      if (place && good) place.textContent = text;
    };
    if (navigator.clipboard && window.isSecureContext) {
      navigator.clipboard.writeText(text).then(() => said(true), () => said(byHand(text)));
    } else {
      said(byHand(text));
    }
  });

  function byHand(text) {
    const area = document.createElement("textarea");
    area.value = text;
    area.className = "off-screen";
    document.body.append(area);
    area.select();
    let good = false;
    try { good = document.execCommand("copy"); } catch { good = false; }
    area.remove();
    return good;
  }

  // A scan gun sends faster than a station answers: each number waits its turn, none is lost, the field is free at once.
  const scanned = document.querySelector("form[data-scan-list]");
  if (scanned) {
    const field = scanned.querySelector("input[name=scan]"), told = document.getElementById("scan-told");
    // What the station has not taken yet stands in a form of its own: a lock keeps that for whoever scanned it.
    const AGAIN_MS = 2000, unsent = document.querySelector("#unsent textarea"), waiting = [];
    let turn = Promise.resolve();
    const note = () => { unsent.value = waiting.filter((values) => values.scan).map((values) => values.scan).join("\n"); };
    const tick = (values) => {
      waiting.push(values);
      note();
      turn = turn.then(() => sentAtLast(values));
    };
    const sentAtLast = async (values) => {
      for (let done = false, isRetry = false; !done; isRetry = true) {
        try {
          await sent(values, isRetry);
          done = true;
        } catch {
          told.textContent = `× ${scanned.dataset.waits} ${waiting.length}`;
          told.className = "problem-line";
          await new Promise((go) => setTimeout(go, AGAIN_MS));
          await window.banjianIsRenewed(scanned.elements.form.value);
        }
      }
      waiting.splice(waiting.indexOf(values), 1);
      note();
    };
    // What was kept while nobody acted is taken up by itself: only its author gets it back.
    unsent.form.addEventListener("change", () => { unsent.value.split("\n").filter(Boolean).forEach((scan) => tick({ scan })); });
    const sent = async (values, isRetry) => {
      const answer = await fetch(scanned.action, {
        method: "POST", body: new URLSearchParams({ form: scanned.elements.form.value, ...values }),
        // What is tried again by itself keeps no browser unlocked, and takes no cookie from who is signing in beside it.
        headers: { "X-Banjian-Quick": "1", ...(isRetry && { "X-Banjian-Live": "1" }) }, credentials: "same-origin",
      });
      if (!(answer.headers.get("Content-Type") || "").startsWith("application/json")) {
        // Locked, in other hands or started anew: it waits until its person is back. Else the roster is gone.
        if (answer.ok || [401, 403].includes(answer.status) || answer.status >= 500) throw new Error("not taken");
        window.location.reload();
        return;
      }
      const said = await answer.json();
      told.textContent = (said.good ? "✓ " : "× ") + said.told;
      told.className = said.good ? "good" : "problem-line";
      document.getElementById("roster-counts").textContent = said.counts;
      const old = said.row && document.getElementById(said.row);
      if (!old) return;
      const made = document.createElement("template");
      made.innerHTML = said.html.trim();
      const fresh = made.content.firstElementChild;
      old.replaceWith(fresh);
      document.querySelectorAll("tr.just").forEach((row) => row.classList.remove("just"));
      fresh.classList.add("just");
      if (values.scan) fresh.scrollIntoView({ block: "nearest" });
      // Nothing was scanned meanwhile: the number of who has none comes next.
      if (said.number && values.scan && document.activeElement === field && !field.value) fresh.querySelector("[data-fill]").focus();
    };
    scanned.addEventListener("submit", (event) => {
      event.preventDefault();
      const text = field.value.trim();
      field.value = "";
      field.focus();
      if (text) tick({ scan: text });
    });
    // A gun fires wherever the cursor is: what is typed into nothing is meant for the list.
    document.addEventListener("keydown", (event) => {
      if (event.target === document.body && event.key.length === 1 && !event.ctrlKey && !event.altKey && !event.metaKey) field.focus();
    });
    field.addEventListener("keydown", (event) => { if (event.key === "Enter" && event.isComposing) event.preventDefault(); });
    document.addEventListener("change", (event) => {
      const box = event.target;
      if (!(box instanceof HTMLInputElement)) return;
      if (box.hasAttribute("data-tick")) tick({ row: box.value, on: box.checked ? "1" : "0" });
      if (box.dataset.fill && box.value.trim()) tick({ row: box.dataset.fill, number: box.value });
    });
    document.addEventListener("keydown", (event) => {
      if (!(event.target instanceof HTMLInputElement) || !event.target.dataset.fill || event.key !== "Enter" || event.isComposing) return;
      event.preventDefault();
      field.focus();
    });
    document.getElementById("ticks").addEventListener("submit", (event) => {
      const form = event.target, pressed = event.submitter;
      if (form.dataset.waited) return;
      event.preventDefault();
      // Not from within this event: a form that is being submitted ignores being submitted.
      turn.then(() => setTimeout(() => { form.dataset.waited = "1"; form.requestSubmit(pressed); }));
    });
  }

  // Where the office's own form begins is a matter of the printer: this browser remembers it.
  const offset = document.querySelector("form[data-offset]");
  if (offset) {
    const key = "banjian-offset", asked = new URLSearchParams(window.location.search);
    offset.addEventListener("submit", () => {
      try { localStorage.setItem(key, `${offset.elements.top.value},${offset.elements.left.value}`); } catch { /* not kept */ }
    });
    let kept = "";
    try { kept = localStorage.getItem(key) || ""; } catch { /* private window */ }
    if (!asked.has("top") && /^-?\d{1,3},-?\d{1,3}$/.test(kept) && kept !== "0,0") {
      const [top, left] = kept.split(",");
      asked.set("top", top);
      asked.set("left", left);
      window.location.replace(`?${asked}`);
    }
  }

  // Attachments go up in chunks while the form is filled in; what broke off goes on with what is missing.
  document.querySelectorAll("[data-attach]").forEach((place) => {
    const form = place.closest("form"), list = place.querySelector("ul"), word = form.elements.form.value;
    let busy = 0;
    const ask = async (path, method, body, headers) => {
      for (let tries = 0; ; tries += 1) {
        try {
          const answer = await fetch(path, { method, body, headers: { "X-Banjian-Form": word, ...headers }, credentials: "same-origin" });
          const said = await answer.json();
          if (!answer.ok) throw Object.assign(new Error(said.told), { told: said.told });
          return said;
        } catch (error) {
          if (error.told || tries >= 4) throw error;
          await new Promise((go) => setTimeout(go, 500 * 2 ** tries));
        }
      }
    };
    const remembered = (key) => { try { return localStorage.getItem(key) || ""; } catch { return ""; } };
    const remember = (key, value) => { try { if (value) localStorage.setItem(key, value); else localStorage.removeItem(key); } catch { /* private window */ } };
    const send = async (file) => {
      const line = document.createElement("li"), bar = document.createElement("progress"), key = `banjian-attach:${file.name}:${file.size}:${file.lastModified}`;
      bar.max = 1; bar.value = 0; bar.setAttribute("aria-label", file.name);
      line.append(file.name, " ", bar);
      list.append(line);
      busy += 1;
      try {
        const begun = await ask("/attach", "POST", new URLSearchParams({ file: file.name, size: file.size, upload: remembered(key) }), {});
        remember(key, begun.upload);
        let left = begun.missing.length;
        for (const index of begun.missing) {
          const part = file.slice(index * begun.chunk, (index + 1) * begun.chunk);
          await ask(`/attach/${begun.upload}/${index}`, "PUT", part, { "Content-Type": "application/octet-stream" });
          left -= 1;
          bar.value = 1 - left / (begun.missing.length || 1);
        }
        const done = await ask(`/attach/${begun.upload}`, "POST", new URLSearchParams(), {});
        remember(key, "");
        const hidden = document.createElement("input"), drop = document.createElement("button");
        Object.assign(hidden, { type: "hidden", name: "attach", value: done.hash });
        Object.assign(drop, { type: "button", className: "plain", textContent: place.dataset.drop });
        drop.dataset.unattach = "";
        line.replaceChildren(hidden, `✓ ${file.name} (${Math.ceil(file.size / 1024)} KB) `, drop);
        form.dispatchEvent(new Event("change", { bubbles: true }));
      } catch (error) {
        line.className = "problem-line";
        line.replaceChildren(`× ${file.name}: ${error.told || place.dataset.failed}`);
      } finally {
        busy -= 1;
      }
    };
    place.addEventListener("change", async (event) => {
      const field = event.target;
      if (!(field instanceof HTMLInputElement) || field.type !== "file") return;
      const files = [...field.files];
      field.value = "";
      for (const file of files) await send(file);
    });
    place.addEventListener("click", (event) => { const drop = within(event, "[data-unattach]"); if (drop) drop.closest("li").remove(); });
    form.addEventListener("submit", (event) => {
      if (!busy) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      window.alert(place.dataset.waiting);
    }, true);
  });
})();
