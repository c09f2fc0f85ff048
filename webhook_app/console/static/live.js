// Keeps the page current: asks for its live part every two seconds while the page is looked at.
(() => {
  const EVERY_MS = 2000;
  const live = document.getElementById("live");
  const pulse = document.getElementById("pulse");
  let seen = "";

  async function refresh() {
    try {
      const answer = await fetch("/page/live", { cache: "no-store" });
      if (answer.status === 401) {
        location.assign("/login");
        return;
      }
      if (!answer.ok) throw new Error(String(answer.status));
      const html = await answer.text();
      if (html !== seen) {
        live.innerHTML = html;
        seen = html;
      }
      if (pulse.classList.contains("lost")) {
        pulse.textContent = "Refreshes by itself.";
        pulse.classList.remove("lost");
        live.classList.remove("old");
      }
    } catch {
      pulse.textContent = "Tallylight does not answer; what you see may be old.";
      pulse.classList.add("lost");
      live.classList.add("old");
    }
  }

  setInterval(() => {
    if (!document.hidden) refresh();
  }, EVERY_MS);
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) refresh();
  });
})();
