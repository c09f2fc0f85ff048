// The rule editor: synchronises form and text, and shows the server's validation while typing. A field is marked as
// wrong only after it was edited or left.
(() => {
  const DEBOUNCE_MS = 350;
  const editor = document.getElementById("editor");
  const text = document.getElementById("text");
  const feedback = document.getElementById("feedback");
  const csrf = document.querySelector("meta[name=csrf]").content;
  const touchedFields = new Set();
  let timer = 0, lastRequest = 0;
  document.documentElement.classList.add("scripted");

  async function post(path) {
    const request = ++lastRequest;
    const body = new URLSearchParams(new FormData(editor));
    body.set("touched", [...touchedFields].join(","));
    try {
      const response = await fetch(path, { method: "POST", headers: { "X-Csrf": csrf }, body });
      if (!response.ok) throw new Error(String(response.status));
      const result = await response.json();
      return request === lastRequest ? result : null;
    } catch {
      if (request === lastRequest) feedback.textContent = "Connection lost. Your changes are not being checked.";
      return null;
    }
  }

  function show(result) {
    feedback.innerHTML = result.feedback;
    for (const message of editor.querySelectorAll(".field-why")) {
      const name = message.id.slice("why-".length);
      const error = result.errors[name], hint = result.hints[name];
      message.textContent = error || hint || "";
      message.hidden = !error && !hint;
      message.classList.toggle("caution", !error && Boolean(hint));
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
  const suggestions = document.getElementById("known-rooms");
  const rooms = [...suggestions.options].map((option) => option.value);
  function suggestRooms(field) {
    const before = field.value.slice(0, field.value.lastIndexOf(",") + 1);
    const prefix = before ? before + " " : "";
    suggestions.replaceChildren(...rooms.map((room) => new Option(prefix + room, prefix + room)));
  }

  function debounce(run) {
    clearTimeout(timer);
    timer = setTimeout(run, DEBOUNCE_MS);
  }

  editor.addEventListener("input", (event) => {
    if (event.target.name === "rooms") suggestRooms(event.target);
    if (event.target !== text && event.target.name !== "trigger") touchedFields.add(event.target.name);
    debounce(event.target === text ? fromText : fromForm);
  });
  editor.addEventListener("focusout", (event) => {
    const name = event.target.name;
    // Leaving the initially focused field, switching windows, or moving on to a button does not mark the field.
    if (event.target === text || !document.getElementById("why-" + name) || touchedFields.has(name)) return;
    if (!event.relatedTarget || !editor.contains(event.relatedTarget) || event.relatedTarget.type === "submit") return;
    touchedFields.add(name);
    debounce(fromForm);
  });
  text.addEventListener("keydown", (event) => {
    if (event.key !== "Tab" || event.shiftKey || !event.altKey) return;
    event.preventDefault();
    text.setRangeText("  ", text.selectionStart, text.selectionEnd, "end");
  });
})();
