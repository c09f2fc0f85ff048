// Keeps the changing part of a page current: refreshed on server-sent events, or by polling every two seconds while
// the page is visible. Open details, scroll positions and focus are preserved.
(() => {
  const POLL_MS = 2000;
  const REFRESH_WHILE_STREAMING_MS = 5000;
  const DEBOUNCE_MS = 150;
  const REFRESH_INTERVAL_MIN_MS = 1000;
  const STABLE_AFTER_MS = 1500;
  const FAILURES_MAX = 3;
  const RECONNECT_MS = 60000;
  const MESSAGE_MS = 5000;
  const MESSAGE_MAX_MS = 20000;
  const live = document.getElementById("live");
  const pulse = document.getElementById("pulse");
  const SELECTION_PAUSE_MS = 15000;
  let isPointerDown = false, selectedSince = 0;
  let etag = "", isRefreshing = false, refreshAgain = false, isStreaming = false, refreshTimer = 0, lastRefresh = 0;

  const twoDigits = (n) => String(n).padStart(2, "0");
  function updateElapsedTimes() {
    for (const time of document.querySelectorAll("time[data-since]")) {
      const elapsed = Math.max(0, Math.floor((Date.now() - Date.parse(time.dateTime)) / 1000));
      const hours = Math.floor(elapsed / 3600);
      if (hours > 48) continue;
      time.textContent = (hours ? hours + ":" + twoDigits(Math.floor((elapsed % 3600) / 60)) : Math.floor(elapsed / 60)) + ":" + twoDigits(elapsed % 60);
      const before = time.previousSibling;
      if (before && before.nodeType === 3 && before.data.trim() === "since") before.data = "for ";
    }
  }
  updateElapsedTimes();
  setInterval(updateElapsedTimes, 1000);
  document.addEventListener("pointerover", (event) => {
    const time = event.target.closest && event.target.closest("time[datetime]");
    if (time && !time.title) time.title = new Date(time.dateTime).toISOString().slice(0, 19).replace("T", " ") + " UTC, " + new Date(time.dateTime).toLocaleString() + " here";
  });

  for (const form of document.querySelectorAll("form[data-instant]")) {
    let timer = 0;
    form.addEventListener("change", () => form.requestSubmit());
    form.addEventListener("input", (event) => {
      if (event.target.type !== "search") return;
      clearTimeout(timer);
      timer = setTimeout(() => form.requestSubmit(), 450);
    });
    const search = form.querySelector("input[type=search]");
    if (search && search.value && sessionStorage.getItem("searched") === location.pathname) {
      search.focus();
      search.setSelectionRange(search.value.length, search.value.length);
    }
    form.addEventListener("submit", () => {
      if (document.activeElement === search) sessionStorage.setItem("searched", location.pathname);
      else sessionStorage.removeItem("searched");
    });
  }
  if (!live) return;
  const interval = Number(live.dataset.every) || POLL_MS;

  function showStatus(text, kind) {
    if (!pulse || pulse.textContent === text) return;
    pulse.textContent = text;
    pulse.className = "pulse " + kind;
    live.classList.toggle("outdated", kind === "lost");
  }

  // Shows the number of unacknowledged alarms: beside the link to the alarms page, and in the title.
  function showAlarmCount(count) {
    const badge = document.getElementById("alarm-count");
    if (badge) {
      badge.hidden = count === "0";
      badge.lastElementChild.textContent = count;
    }
    document.title = (count === "0" ? "" : "(" + count + ") ") + document.title.replace(/^\(\d+\) /, "");
  }

  function replaceLive(html) {
    const opened = new Set([...live.querySelectorAll("details[open][id]")].map((details) => details.id));
    const closed = new Set([...live.querySelectorAll("details:not([open])[id]")].map((details) => details.id));
    const active = document.activeElement;
    const alarms = document.getElementById("alarms");
    const focused = live.contains(active) || (alarms && alarms.contains(active)) ? tallyFocus.locate(active) : null;
    const scrollLefts = [...live.querySelectorAll("[data-keep-scroll]")].map((element) => element.scrollLeft);
    const fragment = document.createElement("template");
    fragment.innerHTML = html;
    const strip = fragment.content.querySelector("template[data-alarms]");
    if (strip) {
      strip.remove();
      showAlarmCount(strip.content.querySelector("[data-count]")?.dataset.count || "0");
    }
    if (strip && alarms && alarms.innerHTML.trim() !== strip.innerHTML.trim()) alarms.innerHTML = strip.innerHTML;
    live.replaceChildren(fragment.content);
    for (const details of live.querySelectorAll("details[id]")) {
      if (opened.has(details.id)) details.open = true;
      else if (closed.has(details.id)) details.open = false;
    }
    live.querySelectorAll("[data-keep-scroll]").forEach((element, index) => { element.scrollLeft = scrollLefts[index] || 0; });
    if (focused) tallyFocus.restore(focused);
    updateElapsedTimes();
  }

  // Removes messages such as "Saved." shortly after the page has changed, and after a limit in any case.
  function dismissMessages(after) {
    const messages = document.querySelectorAll("#main > .flash.done");
    if (messages.length) setTimeout(() => { for (const message of messages) message.remove(); }, Math.max(0, after - performance.now()));
  }
  dismissMessages(MESSAGE_MAX_MS);

  // The page is not replaced while a button is pressed or, up to a limit, while text is selected.
  function isInUse() {
    const selection = getSelection();
    const isSelecting = selection && !selection.isCollapsed && live.contains(selection.anchorNode);
    if (!isSelecting) selectedSince = 0;
    else if (!selectedSince) selectedSince = Date.now();
    return isPointerDown || (isSelecting && Date.now() - selectedSince < SELECTION_PAUSE_MS);
  }
  live.addEventListener("pointerdown", () => { isPointerDown = true; });
  for (const kind of ["pointerup", "pointercancel"]) addEventListener(kind, () => { setTimeout(() => { isPointerDown = false; }, 50); });

  async function refresh() {
    if (isRefreshing || isInUse()) { refreshAgain = refreshAgain || isRefreshing; return; }
    isRefreshing = true;
    lastRefresh = Date.now();
    try {
      const response = await fetch(live.dataset.live, { cache: "no-store", headers: etag ? { "If-None-Match": etag } : {} });
      if (response.status === 401) {
        const root = document.documentElement.dataset.root || "";
        const path = location.pathname.slice(root.length) + location.search;
        location.assign(root + (path === "/" || !path ? "/login" : "/login?back=" + encodeURIComponent(path)));
        return;
      }
      if (response.status !== 304) {
        if (!response.ok) throw new Error(String(response.status));
        const html = await response.text();
        const isChanged = etag !== "";
        etag = response.headers.get("ETag") || "";
        replaceLive(html);
        if (isChanged) dismissMessages(MESSAGE_MS);
      }
      showStatus(isStreaming ? "Live" : `Auto-refresh every ${interval / 1000} s`, isStreaming ? "streaming" : "");
    } catch {
      showStatus("Connection lost. This page may be out of date.", "lost");
    } finally {
      isRefreshing = false;
      if (refreshAgain) { refreshAgain = false; refreshSoon(); }
    }
  }

  function refreshSoon() {
    const wait = Math.max(DEBOUNCE_MS, lastRefresh + REFRESH_INTERVAL_MIN_MS - Date.now());
    if (!refreshTimer) refreshTimer = setTimeout(() => { refreshTimer = 0; if (!document.hidden) refresh(); }, wait);
  }

  // The server closes a stream at once when too many clients are connected, so a stream counts only once it has stayed open.
  function listen(path) {
    const room = live.dataset.room;
    let stableTimer = 0, failures = 0;
    const source = new EventSource(path + (room ? "?room_id=" + encodeURIComponent(room) : ""));
    source.onopen = () => { clearTimeout(stableTimer); stableTimer = setTimeout(() => { isStreaming = true; failures = 0; showStatus("Live", "streaming"); }, STABLE_AFTER_MS); };
    source.onerror = () => {
      clearTimeout(stableTimer);
      isStreaming = false;
      if (++failures < FAILURES_MAX) return;
      source.close();
      setTimeout(() => listen(path), RECONNECT_MS);
    };
    source.onmessage = refreshSoon;
    source.addEventListener("gap", refreshSoon);
    addEventListener("pagehide", () => source.close());
  }

  setInterval(() => {
    if (!document.hidden && Date.now() - lastRefresh >= (isStreaming ? REFRESH_WHILE_STREAMING_MS : interval)) refresh();
  }, 1000);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
  for (const kind of ["offline", "online"]) addEventListener(kind, refresh);
  const stream = document.body.dataset.stream;
  if (stream && "listen" in live.dataset && "EventSource" in window) listen(stream);
})();
