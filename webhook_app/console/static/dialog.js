// Opens confirmation links in a dialog. Without JavaScript, the link opens a page with the same form.
(() => {
  const dialog = document.getElementById("dialog");
  if (!dialog || !dialog.showModal) return;
  let opener = null;

  document.addEventListener("click", async (event) => {
    const closeButton = event.target.closest("[data-close]");
    if (closeButton && dialog.open && dialog.contains(closeButton)) {
      event.preventDefault();
      dialog.close();
      return;
    }
    const link = event.target.closest("a[data-dialog]");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    try {
      const response = await fetch(link.href, { headers: { "X-Fragment": "1" }, cache: "no-store" });
      if (!response.ok || response.redirected) throw new Error(String(response.status));
      dialog.innerHTML = await response.text();
      opener = tallyFocus.locate(link);
      dialog.showModal();
      const firstField = dialog.querySelector("select, input:not([type=hidden]), button");
      if (firstField) firstField.focus();
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
