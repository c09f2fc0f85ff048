// Asks before a page with unsaved text is left. data-unsaved="yes": the text came back from a refused save.
(() => {
  for (const form of document.querySelectorAll("form[data-unsaved]")) {
    const content = () => new URLSearchParams(new FormData(form)).toString();
    const saved = form.dataset.unsaved === "yes" ? null : content();
    let leaving = false;
    form.addEventListener("submit", () => { leaving = true; });
    addEventListener("pageshow", () => { leaving = false; });
    addEventListener("beforeunload", (event) => {
      if (!leaving && content() !== saved) event.preventDefault();
    });
  }
})();
