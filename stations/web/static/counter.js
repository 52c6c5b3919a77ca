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
})();
