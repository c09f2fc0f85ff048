// Keeps the keyboard's place when the page is replaced underneath: the same element, else one beside it, else the
// heading. An element is the same when it does the same: it has the same id, leads to the same address, belongs to
// the same summary, or presses the same form.
window.tallyFocus = (() => {
  const FOCUSABLE = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex]";
  const ITEM = "[data-room], [data-subscriber], [data-delivery], [data-alarm], details[id], section[aria-labelledby]";
  const NAMES = ["data-room", "data-subscriber", "data-delivery", "data-alarm", "id", "aria-labelledby"];

  function keyOf(element) {
    if (element.id) return "#" + element.id;
    if (element.tagName === "SUMMARY") return "summary " + element.parentElement.id;
    if (element.form) return "form " + element.form.getAttribute("action") + " " + (element.name || "");
    return element.tagName + " " + (element.getAttribute("href") || element.textContent.trim());
  }
  const same = (root, key) => [...root.querySelectorAll(FOCUSABLE)].filter((one) => keyOf(one) === key);

  function itemOf(element) {
    const item = element.closest(ITEM);
    const name = item && NAMES.find((one) => item.hasAttribute(one));
    return name ? `[${name}="${CSS.escape(item.getAttribute(name))}"]` : null;
  }

  // Where an element is, in words that still hold when it has been replaced.
  function place(element) {
    const key = keyOf(element);
    const root = document.getElementById("main") || document.body;
    return { element, key, nth: same(root, key).indexOf(element), item: itemOf(element) };
  }

  function find({ element, key, nth, item }) {
    if (element.isConnected) return element;
    const root = document.getElementById("main") || document.body;
    const alike = same(root, key);
    if (alike.length) return alike[Math.min(Math.max(nth, 0), alike.length - 1)];
    const beside = item && root.querySelector(item);
    // What an item offers last is what can be done with it: an End where a Start was.
    const there = beside ? [...beside.querySelectorAll(FOCUSABLE)] : [];
    if (there.length) return there.find((one) => one.matches("[data-dialog], button")) || there[0];
    const heading = root.querySelector("h1") || root;
    heading.tabIndex = -1;
    return heading;
  }

  function restore(where) {
    const target = find(where);
    if (target !== document.activeElement) target.focus({ preventScroll: true });
  }
  return { place, restore };
})();
