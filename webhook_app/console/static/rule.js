// The rule's editor: form and text follow each other, and the server says what is wrong as one types. A field is
// marked only once it was typed in or left.
(() => {
  const PAUSE_MS = 350;
  const editor = document.getElementById("editor");
  const text = document.getElementById("text");
  const verdict = document.getElementById("verdict");
  const csrf = document.querySelector("meta[name=csrf]").content;
  const touched = new Set();
  let waiting = 0, number = 0;
  document.documentElement.classList.add("scripted");

  async function ask(path) {
    const mine = ++number;
    const body = new URLSearchParams(new FormData(editor));
    body.set("touched", [...touched].join(","));
    try {
      const answer = await fetch(path, { method: "POST", headers: { "X-Csrf": csrf }, body });
      if (!answer.ok) throw new Error(String(answer.status));
      const said = await answer.json();
      return mine === number ? said : null;
    } catch {
      if (mine === number) verdict.textContent = "Tallylight does not answer: what you write is not checked now.";
      return null;
    }
  }

  function show(said) {
    verdict.innerHTML = said.verdict;
    for (const why of editor.querySelectorAll(".field-why")) {
      const name = why.id.slice("why-".length);
      const error = said.errors[name], hint = said.hints[name];
      why.textContent = error || hint || "";
      why.hidden = !error && !hint;
      why.classList.toggle("careful", !error && Boolean(hint));
      const field = editor.elements.namedItem(name);
      if (!(field instanceof Element)) continue;
      if (error) field.setAttribute("aria-invalid", "true");
      else field.removeAttribute("aria-invalid");
    }
  }

  async function fromText() {
    const said = await ask(editor.dataset.check);
    if (!said) return;
    show(said);
    for (const [name, value] of Object.entries(said.form || {})) {
      const field = editor.elements.namedItem(name);
      if (!field) continue;
      if (field instanceof RadioNodeList) field.value = value;
      else if (field !== document.activeElement) field.value = value;
    }
  }

  async function fromForm() {
    const said = await ask(editor.dataset.draft);
    if (!said) return;
    text.value = said.text;
    show(said);
  }

  // What is offered for rooms goes on from what is written before the last comma.
  const offered = document.getElementById("known-rooms");
  const rooms = [...offered.options].map((option) => option.value);
  function offer(field) {
    const before = field.value.slice(0, field.value.lastIndexOf(",") + 1);
    const start = before ? before + " " : "";
    offered.replaceChildren(...rooms.map((room) => new Option(start + room, start + room)));
  }

  function later(run) {
    clearTimeout(waiting);
    waiting = setTimeout(run, PAUSE_MS);
  }

  editor.addEventListener("input", (event) => {
    if (event.target.name === "rooms") offer(event.target);
    if (event.target !== text && event.target.name !== "trigger") touched.add(event.target.name);
    later(event.target === text ? fromText : fromForm);
  });
  editor.addEventListener("focusout", (event) => {
    const name = event.target.name;
    // Leaving the page's own first look, or to another program, is no mistake; nor is passing on to a button.
    if (event.target === text || !document.getElementById("why-" + name) || touched.has(name)) return;
    if (!event.relatedTarget || !editor.contains(event.relatedTarget) || event.relatedTarget.type === "submit") return;
    touched.add(name);
    later(fromForm);
  });
  text.addEventListener("keydown", (event) => {
    if (event.key !== "Tab" || event.shiftKey || !event.altKey) return;
    event.preventDefault();
    text.setRangeText("  ", text.selectionStart, text.selectionEnd, "end");
  });
})();
