// The rule's editor: form and text follow each other, and the server says what is wrong, as one types.
(() => {
  const PAUSE_MS = 350;
  const editor = document.getElementById("editor");
  const text = document.getElementById("text");
  const verdict = document.getElementById("verdict");
  const csrf = document.querySelector("meta[name=csrf]").content;
  let waiting = 0, number = 0;
  document.documentElement.classList.add("scripted");

  async function ask(path) {
    const mine = ++number;
    try {
      const answer = await fetch((document.documentElement.dataset.root || "") + path, { method: "POST", headers: { "X-Csrf": csrf }, body: new URLSearchParams(new FormData(editor)) });
      if (!answer.ok) throw new Error(String(answer.status));
      const said = await answer.json();
      return mine === number ? said : null;
    } catch {
      if (mine === number) verdict.textContent = "Tallylight does not answer: what you write is not checked now.";
      return null;
    }
  }

  async function fromText() {
    const said = await ask("/rule-text/check");
    if (!said) return;
    verdict.innerHTML = said.verdict;
    for (const [name, value] of Object.entries(said.form || {})) {
      const field = editor.elements.namedItem(name);
      if (!field) continue;
      if (field instanceof RadioNodeList) field.value = value;
      else if (field !== document.activeElement) field.value = value;
    }
  }

  async function fromForm() {
    const said = await ask("/rule-text/draft");
    if (!said) return;
    text.value = said.text;
    verdict.innerHTML = said.verdict;
  }

  editor.addEventListener("input", (event) => {
    clearTimeout(waiting);
    waiting = setTimeout(event.target === text ? fromText : fromForm, PAUSE_MS);
  });
  text.addEventListener("keydown", (event) => {
    if (event.key !== "Tab" || event.shiftKey || !event.altKey) return;
    event.preventDefault();
    text.setRangeText("  ", text.selectionStart, text.selectionEnd, "end");
  });
})();
