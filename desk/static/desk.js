/* The review page's quick hand: single keys, one case fetched ahead, undo, heartbeat. Without it every act is a form. */
"use strict";
(() => {
  const review = document.getElementById("review");
  if (!review) return;
  const [place, after, said, problem, help] =
    ["place", "after", "said", "problem", "help"].map((id) => document.getElementById(id));
  const BEAT = 60_000; // milliseconds between heartbeats
  const AWAY = 15 * 60_000; // without a key or click for so long, cases go back to the queue
  const arrived = new WeakMap(); // when each case came, by this page's own clock: the browser's date may be wrong
  let csrf = review.dataset.csrf;
  const kinds = review.dataset.kinds;
  let ahead = []; // cases fetched and not shown yet
  let coming = null; // the one that is being fetched
  let busy = false;
  let shownAt = performance.now();
  let active = performance.now();
  let beaten = performance.now();
  let undoEnds = 0;
  let undone = []; // decisions that the bar offers to undo

  const current = () => document.getElementById("case");

  // --- the desk's time -------------------------------------------------------------------------------------------
  const now = (article) => Date.parse(article.dataset.now) + performance.now() - arrived.get(article);
  const isReserved = (article) => now(article) < Date.parse(article.dataset.lease);

  function inWords(milliseconds) {
    const minutes = Math.floor(Math.abs(milliseconds) / 60_000);
    if (minutes < 1) return "less than a minute";
    if (minutes < 60) return `${minutes} min`;
    const [hours, rest] = [Math.floor(minutes / 60), minutes % 60];
    if (hours < 48) return rest ? `${hours} h ${rest} min` : `${hours} h`;
    return `${Math.floor(hours / 24)} days`;
  }

  function countDown() {
    const article = current();
    if (article) {
      const tag = article.querySelector("[data-due]");
      const left = Date.parse(tag.dataset.due) - now(article);
      const words = left >= 0 ? `due in ${inWords(left)}` : `${inWords(left)} late`;
      if (tag.textContent !== words) tag.textContent = words;
      tag.classList.toggle("bad", left < 0);
    }
    if (undoEnds) {
      const seconds = Math.ceil((undoEnds - performance.now()) / 1000);
      if (seconds <= 0) endUndo();
      else after.querySelector("[data-seconds]").textContent = seconds;
    }
  }

  // --- talking to the desk ---------------------------------------------------------------------------------------
  async function post(address, fields, again = true) {
    let answer;
    try {
      answer = await fetch(address, {
        method: "POST", body: new URLSearchParams(fields), redirect: "error",
        headers: { Accept: "application/json", "X-CSRF": csrf },
      });
    } catch {
      return { status: 0, problem: "The desk cannot be reached. Nothing was recorded; the case waits. Try again." };
    }
    if (answer.status === 403 && again && (await renewKey())) return post(address, fields, false);
    const isJson = (answer.headers.get("Content-Type") || "").includes("json");
    const body = answer.status === 204 ? null : isJson ? await answer.json() : await answer.text();
    return { status: answer.status, ok: answer.ok, body, problem: (body && body.problem) || "That did not work. Try again." };
  }

  /** A refusal comes as JSON then, and never as a page that would be taken for the answer. */
  const get = (address) => fetch(address, { headers: { Accept: "application/json" } });

  /** After a new sign-in in another tab the forms of this page still carry the old session's secret. */
  async function renewKey() {
    const answer = await get("/review/key");
    if (!answer.ok) return false;
    const found = (await answer.json()).csrf;
    if (found === csrf) return false;
    csrf = found;
    for (const field of document.querySelectorAll("input[name=csrf]")) field.value = csrf;
    return true;
  }

  function tell(answer) {
    problem.replaceChildren(answer.problem);
    if (answer.status === 401) {
      const link = Object.assign(document.createElement("a"), { href: "/sign-in?then=/review", target: "_blank", textContent: "Sign in" });
      problem.replaceChildren(
        "Your time at the desk has run out. Nothing was recorded and the case is still waiting: ", link,
        " in a new tab, come back, and send it again.",
      );
    }
    if (answer.status === 409) {
      const button = Object.assign(document.createElement("button"), { textContent: "Next case" });
      button.addEventListener("click", () => { shut(); advance(); });
      problem.append(" ", button);
    }
    problem.hidden = false;
    (problem.querySelector("a, button") || current()?.querySelector("h1"))?.focus();
  }

  // --- cases -----------------------------------------------------------------------------------------------------
  function parsed(text) {
    const template = document.createElement("template");
    template.innerHTML = text;
    const article = template.content.querySelector("article");
    arrived.set(article, performance.now());
    for (const field of article.querySelectorAll("input[name=csrf]")) field.value = csrf;
    return article;
  }

  async function fetchCase(fields = {}) {
    const answer = await post("/review/next", kinds ? { ...fields, kinds } : fields);
    if (!answer.ok) return answer;
    return { ok: true, article: answer.status === 204 ? null : explained(parsed(answer.body)) };
  }

  /** What carried the suggestion takes the desk longest: it comes after the case and is there before it is shown. */
  function explained(article) {
    const spot = article.querySelector("[data-because]");
    if (spot && spot.dataset.because) {
      get(spot.dataset.because)
        .then((answer) => (answer.ok ? answer.text() : ""))
        .then((text) => { spot.innerHTML = text; })
        .catch(() => { spot.textContent = ""; });
    }
    return article;
  }

  function prefetch() {
    if (coming || ahead.length || !current()) return;
    coming = fetchCase().then((found) => {
      coming = null;
      if (found.article) ahead.push(found.article);
      return found;
    });
  }

  async function advance() {
    busy = true;
    let article = ahead.shift();
    if (!article && coming) { await coming; article = ahead.shift(); }
    if (!article || !isReserved(article)) {
      const found = await fetchCase();
      if (found.ok === undefined || !found.ok) { busy = false; tell(found); return; }
      article = found.article;
    }
    busy = false;
    if (!article) { location.assign(`/review?${[...undone.map((one) => `after=${one}`), ...(kinds ? [`kinds=${kinds}`] : [])].join("&")}`); return; }
    show(article);
  }

  function show(article) {
    problem.hidden = true;
    place.replaceChildren(article);
    shownAt = performance.now();
    enter(article);
    article.querySelector("h1").focus({ preventScroll: true });
    scrollTo(0, 0);
    setTimeout(prefetch);
  }

  function enter(article) {
    if (!arrived.has(article)) arrived.set(article, performance.now());
    article.querySelector("[data-help]").hidden = false;
  }

  // --- acts ------------------------------------------------------------------------------------------------------
  const DONE = { approve: "Approved", deny: "Denied", edit: "Changed", choose: "Decided" };

  async function send(form, button) {
    if (busy) return;
    busy = true;
    const article = form.closest("article");
    const act = form.dataset.act;
    const fields = new URLSearchParams(new FormData(form));
    const pressed = button || form.querySelector("button[name]");
    if (pressed && pressed.name) fields.set(pressed.name, pressed.value);
    if (act !== "skip") fields.set("seconds", ((performance.now() - shownAt) / 1000).toFixed(1));
    const answer = await post(form.getAttribute("action"), fields);
    busy = false;
    if (!answer.ok) { tell(answer); return; }
    const hidden = !article.querySelector("[data-act=edit]");
    const sentence = act === "skip" ? `Skipped case ${article.dataset.case}` : `${hidden ? "Decided" : DONE[act]} case ${article.dataset.case}`;
    if (act !== "skip") offerUndo(sentence, answer.body);
    await advance();
    said.textContent = `${sentence}.`;
  }

  function offerUndo(sentence, body) {
    undone = body.decisions;
    undoEnds = body.undo_seconds ? performance.now() + body.undo_seconds * 1000 : 0;
    if (!undoEnds) { after.replaceChildren(`${sentence}: recorded already.`); return; }
    const [text, button, seconds, key] = ["span", "button", "span", "kbd"].map((name) => document.createElement(name));
    const form = Object.assign(document.createElement("form"), { className: "undo" });
    text.textContent = `${sentence}.`;
    seconds.dataset.seconds = "";
    seconds.textContent = body.undo_seconds;
    key.textContent = "U";
    button.className = "quiet";
    button.append("Undo (", seconds, " s) ", key);
    form.append(text, button);
    after.replaceChildren(form);
  }

  async function endUndo() {
    if (!undoEnds) return;
    undoEnds = 0;
    const decisions = undone;
    after.replaceChildren();
    const answer = await get(`/review/after?${decisions.map((one) => `after=${one}`).join("&")}`);
    if (answer.ok && decisions === undone && !undoEnds) after.innerHTML = await answer.text();
  }

  async function undo() {
    if (!undoEnds || busy) return;
    busy = true;
    const answer = await post("/review/undo", undone.map((one) => ["after", one]));
    busy = false;
    if (!answer.ok) { tell(answer); return; }
    undoEnds = 0;
    undone = [];
    after.replaceChildren("Undone: the case is open again, and nothing was sent.");
    said.textContent = "Undone.";
    if (answer.body.case === null) { location.assign("/bulk"); return; }
    const found = await fetchCase({ case: answer.body.case });
    if (!found.ok) { tell(found); return; }
    if (current()) ahead.unshift(current());
    show(found.article);
  }

  // --- panels and keys -------------------------------------------------------------------------------------------
  const panel = () => review.querySelector("details.ask[open]");

  function open(name) {
    const wanted = review.querySelector(`[data-panel=${name}]`);
    if (!wanted) return;
    for (const other of review.querySelectorAll("details.ask")) other.open = other === wanted;
    enterPanel(wanted); // at once: the next key may be there before the toggle event
  }

  function enterPanel(opened) {
    if (!opened.contains(document.activeElement) || document.activeElement.matches("summary")) {
      opened.querySelector("select, input[type=radio]").focus();
    }
  }

  function shut() {
    const opened = panel();
    if (opened) { opened.open = false; opened.querySelector("summary").focus(); }
  }

  function isTyping(element) {
    return element.matches("textarea, select, [contenteditable], input:not([type=radio], [type=checkbox])");
  }

  function choose(digit) {
    const list = panel() || review.querySelector("[data-act=choose]");
    const radio = list && list.querySelector(`[data-digit="${digit}"]`);
    if (radio) { radio.checked = true; radio.focus(); }
    return Boolean(radio);
  }

  function press(name) {
    const form = current()?.querySelector(`[data-act=${name}]`);
    if (form) form.requestSubmit();
  }

  const KEYS = {
    a: () => press("approve"),
    s: () => press("skip"),
    d: () => open("deny"),
    e: () => (review.querySelector("[data-panel=edit]") ? open("edit") : review.querySelector("[data-act=choose] input[type=radio]")?.focus()),
    b: () => document.getElementById("recall")?.requestSubmit(),
    u: undo,
    "?": () => help.showModal(),
  };

  document.addEventListener("keydown", (event) => {
    active = performance.now();
    if (event.ctrlKey || event.altKey || event.metaKey || event.isComposing || help.open) return;
    const opened = panel();
    if (event.key === "Escape" && opened) { event.preventDefault(); shut(); return; }
    if (event.key === "Enter" && event.target.matches("select") && event.target.form?.dataset.act) {
      event.preventDefault();
      event.target.form.requestSubmit();
      return;
    }
    if (!review.classList.contains("keys")) return;
    const isDigit = event.key >= "1" && event.key <= "9" && event.key.length === 1;
    if (isTyping(event.target) && !(isDigit && event.target.matches("select"))) return;
    if (isDigit) { if (choose(event.key)) event.preventDefault(); return; }
    if (event.repeat || busy) return;
    const key = event.key.toLowerCase();
    if (opened && !(KEYS[key] && `${opened.dataset.panel}`.startsWith(key))) return; // an open question is answered first
    if (opened) { event.preventDefault(); shut(); return; }
    if (KEYS[key]) { event.preventDefault(); KEYS[key](); }
  });

  review.addEventListener("toggle", (event) => {
    if (event.target.open && event.target.matches(".ask")) enterPanel(event.target);
  }, true);

  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (form.matches(".undo")) { event.preventDefault(); undo(); }
    else if (form.dataset.act) { event.preventDefault(); send(form, event.submitter); }
  });

  document.addEventListener("click", (event) => {
    active = performance.now();
    if (event.target.closest("[data-shut]")) shut();
    else if (event.target.closest("[data-help]")) help.showModal();
    else if (event.target.closest("[data-close]")) help.close();
  });

  // --- keeping what is on the screen -----------------------------------------------------------------------------
  async function beat() {
    const article = current();
    const held = [article, ...ahead].filter(Boolean);
    if (!held.length || performance.now() - active > AWAY) return;
    beaten = performance.now();
    const answer = await post("/review/renew", held.map((one) => ["item", one.dataset.item]));
    if (!answer.ok) { if (answer.status === 401) tell(answer); return; }
    const kept = new Set(answer.body.kept.map(String));
    for (const one of held) {
      if (kept.has(one.dataset.item)) one.dataset.lease = new Date(now(one) + answer.body.seconds * 1000).toISOString();
    }
    ahead = ahead.filter((one) => kept.has(one.dataset.item));
    if (article === current() && !kept.has(article.dataset.item) && !busy) {
      tell({ status: 409, problem: `Case ${article.dataset.case} is no longer yours: it was decided, or a colleague took it while you were away.` });
    }
    prefetch();
  }

  setInterval(countDown, 250);
  setInterval(beat, BEAT);
  addEventListener("visibilitychange", () => {
    if (document.visibilityState !== "visible") return;
    active = performance.now();
    if (performance.now() - beaten > BEAT) beat();
  });
  addEventListener("pagehide", () => {
    for (const one of ahead) {
      const fence = one.querySelector("input[name=fence]").value;
      navigator.sendBeacon(`/review/${one.dataset.item}/release`, new URLSearchParams({ csrf, fence }));
    }
  });
  // A page that comes back by the browser's back button may show what is decided by now.
  addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });

  const waiting = after.querySelector("[data-left]");
  if (waiting) {
    undone = [...waiting.querySelectorAll("input[name=after]")].map((field) => Number(field.value));
    undoEnds = performance.now() + Number(waiting.dataset.left) * 1000;
  }
  if (current()) {
    enter(current());
    current().querySelector("h1").focus({ preventScroll: true });
    prefetch();
  }
})();
