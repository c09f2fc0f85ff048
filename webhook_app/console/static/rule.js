// The rule editor: keeps form and text in step, and shows the server's validation while typing. A field is marked as
// wrong only after it was edited or left.
(() => {
  const PAUSE_MS = 350;
  const editor = document.getElementById("editor");
  const text = document.getElementById("text");
  const feedback = document.getElementById("feedback");
  const csrf = document.querySelector("meta[name=csrf]").content;
  const touched = new Set();
  let waiting = 0, number = 0;
  document.documentElement.classList.add("scripted");

  async function post(path) {
    const mine = ++number;
    const body = new URLSearchParams(new FormData(editor));
    body.set("touched", [...touched].join(","));
    try {
      const answer = await fetch(path, { method: "POST", headers: { "X-Csrf": csrf }, body });
      if (!answer.ok) throw new Error(String(answer.status));
      const result = await answer.json();
      return mine === number ? result : null;
    } catch {
      if (mine === number) feedback.textContent = "Connection lost. Your changes are not being checked.";
      return null;
    }
  }

  function show(result) {
    feedback.innerHTML = result.feedback;
    for (const why of editor.querySelectorAll(".field-why")) {
      const name = why.id.slice("why-".length);
      const error = result.errors[name], hint = result.hints[name];
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
    const result = await post(editor.dataset.check);
    if (!result) return;
    show(result);
    for (const [name, value] of Object.entries(result.form || {})) {
      const field = editor.elements.namedItem(name);
      if (!field) continue;
      if (field instanceof RadioNodeList) field.value = value;
      else if (field !== document.activeElement) field.value = value;
    }
  }

  async function fromForm() {
    const result = await post(editor.dataset.draft);
    if (!result) return;
    text.value = result.text;
    show(result);
  }

  // Suggestions for rooms continue the text before the last comma.
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
    // Leaving the initially focused field, switching windows, or moving on to a button does not mark the field.
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
