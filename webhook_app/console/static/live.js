// Keeps the changing part of a page current: refreshed on server-sent events, or by polling every two seconds while
// the page is visible. Open details, scroll positions and focus are preserved.
(() => {
  const ASK_MS = 2000;
  const REFRESH_WHILE_STREAMING_MS = 5000;
  const GATHER_MS = 150;
  const APART_MS = 1000;
  const HOLDS_MS = 1500;
  const FALLS_MAX = 3;
  const TRY_AGAIN_MS = 60000;
  const SAID_MS = 5000;
  const SAID_MAX_MS = 20000;
  const live = document.getElementById("live");
  const pulse = document.getElementById("pulse");
  const LEFT_ALONE_MS = 15000;
  let pressed = false, chosenSince = 0;
  let etag = "", busy = false, again = false, isStreaming = false, gather = 0, last = 0;

  const two = (n) => String(n).padStart(2, "0");
  function tick() {
    for (const time of document.querySelectorAll("time[data-since]")) {
      const passed = Math.max(0, Math.floor((Date.now() - Date.parse(time.dateTime)) / 1000));
      const hours = Math.floor(passed / 3600);
      if (hours > 48) continue;
      time.textContent = (hours ? hours + ":" + two(Math.floor((passed % 3600) / 60)) : Math.floor(passed / 60)) + ":" + two(passed % 60);
      const before = time.previousSibling;
      if (before && before.nodeType === 3 && before.data.trim() === "since") before.data = "for ";
    }
  }
  tick();
  setInterval(tick, 1000);
  document.addEventListener("pointerover", (event) => {
    const time = event.target.closest && event.target.closest("time[datetime]");
    if (time && !time.title) time.title = new Date(time.dateTime).toISOString().slice(0, 19).replace("T", " ") + " UTC, " + new Date(time.dateTime).toLocaleString() + " here";
  });

  for (const form of document.querySelectorAll("form[data-instant]")) {
    let waiting = 0;
    form.addEventListener("change", () => form.requestSubmit());
    form.addEventListener("input", (event) => {
      if (event.target.type !== "search") return;
      clearTimeout(waiting);
      waiting = setTimeout(() => form.requestSubmit(), 450);
    });
    const search = form.querySelector("input[type=search]");
    if (search && search.value && sessionStorage.getItem("found") === location.pathname) {
      search.focus();
      search.setSelectionRange(search.value.length, search.value.length);
    }
    form.addEventListener("submit", () => {
      if (document.activeElement === search) sessionStorage.setItem("found", location.pathname);
      else sessionStorage.removeItem("found");
    });
  }
  if (!live) return;
  const every = Number(live.dataset.every) || ASK_MS;

  function say(text, kind) {
    if (!pulse || pulse.textContent === text) return;
    pulse.textContent = text;
    pulse.className = "pulse " + kind;
    live.classList.toggle("old", kind === "lost");
  }

  // How many alarms nobody has acknowledged: beside the page's link, and before its title.
  function showCount(count) {
    const badge = document.getElementById("alarm-count");
    if (badge) {
      badge.hidden = count === "0";
      badge.lastElementChild.textContent = count;
    }
    document.title = (count === "0" ? "" : "(" + count + ") ") + document.title.replace(/^\(\d+\) /, "");
  }

  function put(html) {
    const open = new Set([...live.querySelectorAll("details[open][id]")].map((one) => one.id));
    const shut = new Set([...live.querySelectorAll("details:not([open])[id]")].map((one) => one.id));
    const active = document.activeElement;
    const alarms = document.getElementById("alarms");
    const where = live.contains(active) || (alarms && alarms.contains(active)) ? tallyFocus.place(active) : null;
    const sideways = [...live.querySelectorAll("[data-keep-scroll]")].map((one) => one.scrollLeft);
    const come = document.createElement("template");
    come.innerHTML = html;
    const strip = come.content.querySelector("template[data-alarms]");
    if (strip) {
      strip.remove();
      showCount(strip.content.querySelector("[data-count]")?.dataset.count || "0");
    }
    if (strip && alarms && alarms.innerHTML.trim() !== strip.innerHTML.trim()) alarms.innerHTML = strip.innerHTML;
    live.replaceChildren(come.content);
    for (const one of live.querySelectorAll("details[id]")) {
      if (open.has(one.id)) one.open = true;
      else if (shut.has(one.id)) one.open = false;
    }
    live.querySelectorAll("[data-keep-scroll]").forEach((one, at) => { one.scrollLeft = sideways[at] || 0; });
    if (where) tallyFocus.restore(where);
    tick();
  }

  // What was done is said for a while: until the page has moved on, so that it never stands beside news, or a limit.
  function dismissDone(after) {
    const messages = document.querySelectorAll("#main > .flash.done");
    if (messages.length) setTimeout(() => { for (const one of messages) one.remove(); }, Math.max(0, after - performance.now()));
  }
  dismissDone(SAID_MAX_MS);

  // What is being pressed or marked for copying is not replaced under the reader's hands, for a while.
  function inUse() {
    const chosen = getSelection();
    const marking = chosen && !chosen.isCollapsed && live.contains(chosen.anchorNode);
    if (!marking) chosenSince = 0;
    else if (!chosenSince) chosenSince = Date.now();
    return pressed || (marking && Date.now() - chosenSince < LEFT_ALONE_MS);
  }
  live.addEventListener("pointerdown", () => { pressed = true; });
  for (const kind of ["pointerup", "pointercancel"]) addEventListener(kind, () => { setTimeout(() => { pressed = false; }, 50); });

  async function refresh() {
    if (busy || inUse()) { again = again || busy; return; }
    busy = true;
    last = Date.now();
    try {
      const answer = await fetch(live.dataset.live, { cache: "no-store", headers: etag ? { "If-None-Match": etag } : {} });
      if (answer.status === 401) {
        const root = document.documentElement.dataset.root || "";
        const here = location.pathname.slice(root.length) + location.search;
        location.assign(root + (here === "/" || !here ? "/login" : "/login?back=" + encodeURIComponent(here)));
        return;
      }
      if (answer.status !== 304) {
        if (!answer.ok) throw new Error(String(answer.status));
        const html = await answer.text();
        const isNews = etag !== "";
        etag = answer.headers.get("ETag") || "";
        put(html);
        if (isNews) dismissDone(SAID_MS);
      }
      say(isStreaming ? "Live" : `Auto-refresh every ${every / 1000} s`, isStreaming ? "streaming" : "");
    } catch {
      say("Connection lost. This page may be out of date.", "lost");
    } finally {
      busy = false;
      if (again) { again = false; soon(); }
    }
  }

  function soon() {
    const wait = Math.max(GATHER_MS, last + APART_MS - Date.now());
    if (!gather) gather = setTimeout(() => { gather = 0; if (!document.hidden) refresh(); }, wait);
  }

  // A stream that is answered and closed at once (all places are taken) is none: it must hold for a while to count.
  function listen(path) {
    const room = live.dataset.room;
    let holds = 0, falls = 0;
    const source = new EventSource(path + (room ? "?room_id=" + encodeURIComponent(room) : ""));
    source.onopen = () => { clearTimeout(holds); holds = setTimeout(() => { isStreaming = true; falls = 0; say("Live", "streaming"); }, HOLDS_MS); };
    source.onerror = () => {
      clearTimeout(holds);
      isStreaming = false;
      if (++falls < FALLS_MAX) return;
      source.close();
      setTimeout(() => listen(path), TRY_AGAIN_MS);
    };
    source.onmessage = soon;
    source.addEventListener("gap", soon);
    addEventListener("pagehide", () => source.close());
  }

  setInterval(() => {
    if (!document.hidden && Date.now() - last >= (isStreaming ? REFRESH_WHILE_STREAMING_MS : every)) refresh();
  }, 1000);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
  for (const kind of ["offline", "online"]) addEventListener(kind, refresh);
  const stream = document.body.dataset.stream;
  if (stream && "listen" in live.dataset && "EventSource" in window) listen(stream);
})();
