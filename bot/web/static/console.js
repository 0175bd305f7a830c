import { Composer } from "./console/composer.js";
import { Link } from "./console/link.js";
import { notify, toast } from "./console/notices.js";
import { $, changes } from "./console/place.js";

const NEAR = 80; // px
const SOON = 120_000; // ms before a promise is missed
const TAKES = new Set(["claim", "take_over", "reopen"]);
const page = document.body.dataset;
const title = document.title;
const [log, scroll, lists, filter] = [$("log"), $("scroll"), $("lists"), $("filter")];
const wide = matchMedia("(min-width: 48rem)");
let conversation = page.conversation || null;
let stuck = true;
let read = 0;
let last, typingEnds, searching;

// Lists

const chosenList = () => ({ which: lists.dataset.which, queue: filter.queue.value, state: filter.state.value, search: filter.search.value.trim() });

function list(which = lists.dataset.which, more = null) {
  lists.dataset.which = which;
  for (const tab of lists.querySelectorAll("[data-list]")) tab.ariaPressed = tab.dataset.list === which;
  link.send({ type: "list", ...chosenList(), more });
}

filter.oninput = () => {
  clearTimeout(searching);
  searching = setTimeout(() => list(), 250);
};
filter.onsubmit = (event) => event.preventDefault();

function markRows() {
  for (const row of $("rows").children) {
    const open = row.id === `row-${conversation}`;
    row.firstElementChild.ariaCurrent = open ? "true" : null;
  }
}

/** Time goes on in the rows that say how long somebody has waited. */
function tick() {
  const now = Date.now();
  const words = (span) => {
    const minutes = Math.floor(Math.max(0, span) / 60_000);
    const [hours, days] = [Math.floor(minutes / 60), Math.floor(minutes / 1440)];
    if (days) return `${days} 天 ${hours % 24} 小时`;
    return hours ? `${hours} 小时 ${minutes % 60} 分钟` : minutes ? `${minutes} 分钟` : "不到 1 分钟";
  };
  for (const each of document.querySelectorAll("[data-since]")) each.textContent = `已等 ${words(now - Date.parse(each.dataset.since))}`;
  for (const each of document.querySelectorAll("[data-promise]")) {
    const left = Date.parse(each.dataset.promise) - now;
    each.textContent = left < 0 ? `已超 ${words(-left)}` : `还剩 ${words(left)}`;
    each.classList.toggle("late", left < SOON);
  }
}
setInterval(tick, 10_000);

// The conversation

function show(view) {
  page.view = view;
}

function open(id, { push = true } = {}) {
  if (push) history.pushState(null, "", id ? `/agent/c/${id}` : "/agent");
  const changed = id !== conversation;
  conversation = id;
  page.conversation = id ?? "";
  if (changed) {
    read = 0;
    stuck = true;
    $("typing").hidden = true;
    for (const part of ["head", "earlier", "log", "facts", "suggestions"]) $(part).replaceChildren();
    composer.switch(id);
    showState();
  }
  show(id ? "talk" : "list");
  markRows();
  link.send({ type: "open", conversation: id });
}

onpopstate = () => open(location.pathname.match(/^\/agent\/c\/(\w+)$/)?.[1] ?? null, { push: false });

/** What may be done in the conversation stands in its head, which the server draws. */
function showState() {
  const facts = $("head").firstElementChild?.dataset ?? {};
  composer.allow(facts);
  $("about").hidden = !conversation;
  $("none-open").hidden = !!conversation;
  $("composer").hidden = !conversation;
  for (const line of log.querySelectorAll(".agent[data-seq]")) line.classList.toggle("read", +line.dataset.seq <= +facts.read);
}

function arrange() {
  let day = null;
  for (const line of log.children) {
    line.toggleAttribute("data-mark", line.dataset.day !== day);
    day = line.dataset.day;
    if (line.dataset.client) composer.arrived(line.dataset.client);
  }
  if (stuck) toEnd();
  else if (log.lastElementChild?.id !== last) $("pill").hidden = false;
  last = log.lastElementChild?.id;
  seen();
}

function toEnd() {
  stuck = true;
  $("pill").hidden = true;
  scroll.scrollTop = scroll.scrollHeight;
}

scroll.onscroll = () => {
  stuck = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < NEAR;
  if (stuck) $("pill").hidden = true;
};
const room = new ResizeObserver(() => stuck && toEnd());
for (const element of [log, scroll]) room.observe(element); // suggestions and a long draft take room from it
$("pill").onclick = toEnd;

function seen() {
  const last = Math.max(0, ...[...log.querySelectorAll(".customer[data-seq]")].map((line) => +line.dataset.seq));
  if (document.hidden || !conversation || !$("head").firstElementChild?.dataset.mine || last <= read) return;
  read = last;
  link.send({ type: "read", conversation, seq: last });
}
document.onvisibilitychange = seen;

// Frames

const after = {
  rows() {
    markRows();
    tick();
  },
  head() {
    showState();
    seen(); // who has just taken a conversation has read it already
  },
  log: arrange,
  people: () => $("people").querySelector("input")?.focus(),
};

function change(frame) {
  if (frame.conversation && frame.conversation !== conversation) return;
  if (frame.target === "log" && frame.type !== "place") hush();
  const height = scroll.scrollHeight;
  changes[frame.type](frame);
  after[frame.target]?.();
  if (frame.type === "prepend") scroll.scrollTop += scroll.scrollHeight - height;
}

/** A transcript that is opened is not read out as a whole. */
function hush() {
  $("transcript").ariaLive = "off";
  setTimeout(() => ($("transcript").ariaLive = "polite"), 1000);
}

const frames = {
  ...Object.fromEntries(Object.keys(changes).map((type) => [type, change])),
  welcome({ presence }) {
    $("presence").value = presence;
  },
  counts({ queued, mine, unread, risk }) {
    const counts = { queue: queued, mine: mine && (unread ? `${mine} · ${unread} 新` : mine), risk };
    for (const [name, count] of Object.entries(counts)) {
      const badge = document.querySelector(`[data-count=${name}]`);
      badge.textContent = count || "";
    }
    $("risk").hidden = !risk;
    document.title = unread ? `(${unread}) ${title}` : title;
  },
  typing({ conversation: where, on }) {
    if (where !== conversation) return;
    clearTimeout(typingEnds);
    $("typing").hidden = !on;
    typingEnds = setTimeout(() => ($("typing").hidden = true), 8000);
    if (stuck) toEnd();
  },
  notice(frame) {
    if (frame.conversation !== conversation || document.hidden) notify(frame, open);
  },
  closed({ conversation: id, message }) {
    if (id !== conversation) return;
    open(null);
    toast(message);
  },
  problem: ({ message }) => toast(message),
};

const link = new Link(() => ({ type: "hello", csrf: page.csrf, conversation, ...chosenList() }), {
  frame: (frame) => frames[frame.type]?.(frame),
  link(online) {
    $("line").hidden = online;
  },
  gone: (code) => (code === 4401 ? location.assign("/login") : location.reload()),
});
const composer = new Composer(link, () => conversation, page.user);
composer.switch(conversation);
showState();
arrange();
tick();

// What the agent does

async function act(type, fields = {}) {
  const problem = await link.ask({ type, conversation, ...fields });
  if (problem) toast(problem);
  else if (TAKES.has(type)) list("mine");
}

$("presence").onchange = ({ target }) => link.send({ type: "presence", choice: target.value });

function dialog(name) {
  const element = $(name);
  if (name === "transfer") link.send({ type: "people", conversation });
  element.querySelector(".problem")?.replaceChildren();
  element.showModal();
}

const doings = {
  open: ({ open: id }) => open(id),
  list: ({ list: which }) => list(which),
  more: ({ more }) => list(undefined, more),
  earlier: ({ earlier }) => link.send({ type: "earlier", conversation, before: +earlier }),
  act: ({ act: type }) => act(type),
  dialog: ({ dialog: name }) => dialog(name),
  view: ({ view }) => (view === "list" ? open(null) : show(page.view === view ? "talk" : view)),
  insert: (_, element) => composer.insert(element.querySelector(".said")?.textContent ?? element.textContent),
  label: ({ label: kind, value, seq }) => act("label", { seq: +seq, kind, value }),
  close: (_, element) => element.closest("dialog").close(),
};

document.addEventListener("click", (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  for (const menu of document.querySelectorAll("details.menu[open]")) if (!menu.contains(event.target)) menu.open = false;
  const element = event.target.closest?.(Object.keys(doings).map((name) => `[data-${name}]:not(body, section)`).join());
  if (!element || element.matches("select")) return;
  const name = Object.keys(doings).find((each) => each in element.dataset);
  event.preventDefault();
  doings[name](element.dataset, element);
});

// the words for a correction are in the page once
log.addEventListener(
  "toggle",
  ({ target }) => {
    const box = target.querySelector(".correct");
    if (!target.open || !box || box.firstElementChild) return;
    box.append($("labels").content.cloneNode(true));
    for (const button of box.querySelectorAll("button")) {
      button.dataset.seq = box.dataset.seq;
      button.ariaPressed = box.dataset[button.dataset.label] === button.dataset.value;
    }
    const intents = box.querySelector("select");
    intents.value = box.dataset.intent;
    intents.onchange = () => act("label", { seq: +box.dataset.seq, kind: "intent", value: intents.value });
  },
  true,
);

for (const form of document.querySelectorAll("form[data-frame]")) {
  form.onsubmit = async (event) => {
    event.preventDefault();
    const fields = Object.fromEntries(new FormData(form));
    const button = form.querySelector("button:not([type=button])");
    button.disabled = true;
    const problem = await link.ask({ ...frameOf(form.dataset.frame, fields), conversation });
    button.disabled = false;
    form.querySelector(".problem").textContent = problem ?? "";
    if (problem) return;
    form.reset();
    form.closest("dialog")?.close();
  };
}

function frameOf(type, { to, ...fields }) {
  if (type !== "transfer") return { type, ...fields };
  const [kind, whom] = to.split(":");
  if (kind === "queue") return { type, to_queue: whom, ...fields };
  const waits = $("people").querySelector("[data-state=queued]");
  return waits ? { type: "assign", to_user: +whom } : { type, to_user: +whom, ...fields };
}

// Keys

const keys = {
  "?": () => dialog("help"),
  "/": () => filter.search.focus(),
  1: () => list("mine"),
  2: () => list("queue"),
  3: () => list("all"),
  j: () => move(1),
  k: () => move(-1),
  r: () => composer.focus("reply"),
  n: () => composer.focus("note"),
  i: () => show(page.view === "side" ? "talk" : "side"),
};
const headKeys = { c: "claim", e: "resolve", t: "transfer", b: "return", o: "reopen" };

function move(step) {
  const rows = [...$("rows").querySelectorAll("a")];
  const at = rows.indexOf(document.activeElement.closest("a"));
  rows[Math.min(rows.length - 1, Math.max(0, at < 0 ? 0 : at + step))]?.focus();
}

document.addEventListener("keydown", async (event) => {
  if (event.key === "Escape") {
    for (const menu of document.querySelectorAll("details.menu[open]")) menu.open = false;
    if (page.view === "side" && !wide.matches) show("talk");
  }
  const writes = event.target.matches("input:not([type=radio], [type=checkbox]), textarea, select");
  if (event.key === "Escape" && writes) event.target.blur();
  if (writes || event.ctrlKey || event.metaKey || event.altKey || event.isComposing || document.querySelector("dialog[open]")) return;
  if (keys[event.key]) {
    event.preventDefault();
    keys[event.key]();
  } else if (headKeys[event.key]) {
    const row = event.target.closest("#rows a");
    if (row && event.key === "c") {
      if (row.dataset.open !== conversation) open(row.dataset.open);
      act("claim");
      return;
    }
    const button = $("head").querySelector(`[data-key="${headKeys[event.key]}"]`);
    if (!button) return;
    event.preventDefault();
    button.click();
  }
});
