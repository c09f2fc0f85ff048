// Restores keyboard focus after part of the page was replaced: to the same element, else to another in the same item,
// else to the heading. Two elements are the same if they have the same id, link, summary or form.
window.tallyFocus = (() => {
  const FOCUSABLE = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex]";
  const ITEM = "[data-room], [data-subscriber], [data-delivery], [data-alarm], details[id], section[aria-labelledby]";
  const ITEM_ATTRIBUTES = ["data-room", "data-subscriber", "data-delivery", "data-alarm", "id", "aria-labelledby"];

  function keyOf(element) {
    if (element.id) return "#" + element.id;
    if (element.tagName === "SUMMARY") return "summary " + element.parentElement.id;
    if (element.form) return "form " + element.form.getAttribute("action") + " " + (element.name || "");
    return element.tagName + " " + (element.getAttribute("href") || element.textContent.trim());
  }
  const withKey = (root, key) => [...root.querySelectorAll(FOCUSABLE)].filter((element) => keyOf(element) === key);

  function itemOf(element) {
    const item = element.closest(ITEM);
    const name = item && ITEM_ATTRIBUTES.find((attribute) => item.hasAttribute(attribute));
    return name ? `[${name}="${CSS.escape(item.getAttribute(name))}"]` : null;
  }

  // Describes where an element is, so that its replacement can be found.
  function locate(element) {
    const key = keyOf(element);
    const root = document.getElementById("main") || document.body;
    return { element, key, index: withKey(root, key).indexOf(element), item: itemOf(element) };
  }

  function find({ element, key, index, item }) {
    if (element.isConnected) return element;
    const root = document.getElementById("main") || document.body;
    const matches = withKey(root, key);
    if (matches.length) return matches[Math.min(Math.max(index, 0), matches.length - 1)];
    const sameItem = item && root.querySelector(item);
    // Prefer a button: after "Start" was pressed, the same item now has "End".
    const candidates = sameItem ? [...sameItem.querySelectorAll(FOCUSABLE)] : [];
    if (candidates.length) return candidates.find((element) => element.matches("[data-dialog], button")) || candidates[0];
    const heading = root.querySelector("h1") || root;
    heading.tabIndex = -1;
    return heading;
  }

  function restore(location) {
    const target = find(location);
    if (target !== document.activeElement) target.focus({ preventScroll: true });
  }
  return { locate, restore };
})();
