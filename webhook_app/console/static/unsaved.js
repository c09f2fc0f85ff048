// Asks for confirmation before leaving a page with unsaved text. data-unsaved="yes": saving the text failed.
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
