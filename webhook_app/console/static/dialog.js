// Asks in a dialog what a link would ask on a page of its own. Without a script the link does.
(() => {
  const dialog = document.getElementById("dialog");
  if (!dialog || !dialog.showModal) return;
  let opener = null;

  document.addEventListener("click", async (event) => {
    const close = event.target.closest("[data-close]");
    if (close && dialog.open && dialog.contains(close)) {
      event.preventDefault();
      dialog.close();
      return;
    }
    const link = event.target.closest("a[data-dialog]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    try {
      const answer = await fetch(link.href, { headers: { "X-Fragment": "1" }, cache: "no-store" });
      if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
      dialog.innerHTML = await answer.text();
      opener = tallyFocus.place(link);
      dialog.showModal();
      const first = dialog.querySelector("select, input:not([type=hidden]), button");
      if (first) first.focus();
    } catch {
      location.assign(link.href);
    }
  });
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  // The page may have been replaced while the dialog was open, and its opener with it.
  dialog.addEventListener("close", () => {
    if (opener) tallyFocus.restore(opener);
    opener = null;
  });
})();
