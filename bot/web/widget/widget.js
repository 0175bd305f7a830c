// Wires the document of the widget to its connection, and to the page around it.

import { Connection, newId } from "./connection.js";
import { $, Log, make } from "./log.js";

const NOTICE = "2026-11"; // the version of the privacy notice that customers agree to
const LONGEST = 4000; // characters
const COUNT_FROM = 3000;
const TYPING = 4000; // ms
const BOT_TYPING = 30_000;

const framed = parent !== window;
const [text, rating] = [$("text"), $("rating")];
const unread = new Set();
const sent = new Map(); // id → frame that is not in the record yet
let store = {};
try {
  store = localStorage;
} catch {
  // A browser may forbid it: then all is kept until the page goes.
}
let host; // what the page around has told: origin, page, identity, locale
let shown = !framed;
let agreed = store["zhike.consent"] === NOTICE;
let words, log, connection, conversation, state;
let cursor = 0;
let read = 0;
let asked; // id of the wish for a person that is under way

const show = (id, on) => ($(id).hidden = !on);

function tell(zhike, value) {
  if (host.origin) parent.postMessage({ zhike, value }, host.origin);
}

addEventListener("message", ({ source, origin, data }) => {
  if (!framed || source !== parent) return;
  if (data.zhike === "init" && !host?.origin) {
    const late = host;
    host = { ...data.value, origin };
    if (!late) start();
    else if (agreed) connection?.start();
  }
  if (data.zhike !== "shown") return;
  shown = data.value;
  if (connection) greet();
});
setTimeout(() => host || start((host = { page: location.href.slice(0, 500) })), framed * 300);

async function start() {
  const lang = /^en/i.test(host.locale ?? navigator.language) ? "en" : "zh-CN";
  document.documentElement.lang = lang;
  words = (await import(`./${lang.slice(0, 2)}.js`)).default;
  for (const [name, word] of Object.entries(words)) {
    const element = $(name);
    if (!element) continue;
    if (element.type === "textarea") element.ariaLabel = element.placeholder = word;
    else if (element.role || element.firstElementChild) element.ariaLabel = element.title = word;
    else element.textContent = word;
  }
  $("ideas").append(...words.ideas.map((idea) => make("button", { onclick: () => say(idea) }, idea)));
  for (const value of [1, 2, 3, 4, 5]) {
    $("stars").append(make("input", { type: "radio", name: "score", value, label: words.star(value), testid: `rating-${value}` }));
  }
  log = new Log(words, {
    choose: ({ title, payload }) => say(title, { type: "choice", title, payload }),
    feedback: (seq, value) => connection.send({ type: "feedback", seq, value }),
    retry(id) {
      log.mark(id, "sending");
      connection.deliver(sent.get(id));
      connection.retryNow();
    },
  });
  const hello = () => {
    const { identity = null, page } = agreed ? host : {};
    return { type: "hello", token: (agreed && store["zhike.token"]) || null, consent: agreed, identity, cursor, locale: lang, page };
  };
  connection = new Connection(hello, { frame: (frame) => frames[frame.type]?.(frame), link, undelivered: (id) => failed(id, "offline") });
  document.body.hidden = false;
  allow();
  if (agreed) connection.start();
  if (shown) greet();
}

function greet() {
  seen();
  if (shown && matchMedia("(pointer: fine)").matches) (agreed ? text : $("agree")).focus();
}

/** Show what may be done now. */
function allow() {
  show("notice", !agreed);
  show("hello", agreed && !cursor && !sent.size);
  show("ideas", agreed && !cursor && !sent.size);
  show("close", cursor && state !== "closed");
  text.disabled = !agreed;
  $("human").disabled = !agreed || asked || state === "queued" || state === "agent";
  if (agreed) $("foot").append($("privacy"));
  measure();
}

$("agree").onclick = () => {
  agreed = true;
  store["zhike.consent"] = NOTICE;
  allow();
  connection.start();
  text.focus();
};

$("refuse").onclick = () => {
  $("why").textContent = words.refused;
  show("refuse");
  connection.start();
};

const frames = {
  welcome(frame) {
    if (!frame.token) return;
    store["zhike.token"] = frame.token;
    tell("agreed");
    if (frame.conversation !== conversation) {
      conversation = frame.conversation;
      log.clear();
      unread.clear();
      cursor = 0;
      const [of, seq] = (store["zhike.read"] ?? "").split(",");
      read = of === conversation ? +seq : 0;
    }
    $("log").ariaBusy = true;
    frame.messages.forEach(frames.message);
    $("log").ariaBusy = false;
    frames.state(frame);
  },
  message(frame) {
    const { seq, id, from } = frame;
    cursor = Math.max(cursor, seq);
    log.add(frame);
    settled(id);
    if (from === "customer") return;
    show("typing");
    if (seq > read) unread.add(seq);
    seen();
  },
  ack({ id, seq }) {
    log.mark(id, "sent", seq);
    settled(id);
  },
  state(frame) {
    state = document.body.dataset.state = frame.state;
    $("status").textContent = words.states[state];
    show("queue", state === "queued");
    $("place").textContent = frame.position ? words.place(frame.position) : words.queued;
    text.placeholder = state === "closed" ? words.closed : words.text;
    if (state !== "closed") store["zhike.rated"] = "";
    show("rating", state === "closed" && store["zhike.rated"] !== conversation);
    allow();
  },
  typing({ on }) {
    show("typing", on);
    clearTimeout(typingEnds);
    typingEnds = setTimeout(show, BOT_TYPING, "typing");
  },
  error({ id, code }) {
    if (id) failed(id, code);
    else toast(code === "forbidden" && host.identity ? "visitor" : code);
  },
};

function settled(id) {
  connection.settle(id);
  sent.delete(id);
  if (id === asked) asked = null;
  allow();
}

function failed(id, code) {
  if (log.mark(id, "failed", 0, code) || id !== asked) return;
  toast(code);
  if (code !== "offline") settled(id);
}

/** What is on the screen has been read; the rest is counted on the launcher. */
function seen() {
  if (shown && !document.hidden && unread.size) {
    read = Math.max(...unread);
    unread.clear();
    store["zhike.read"] = [conversation, read];
    connection.send({ type: "read", seq: read }, false);
  }
  tell("unread", unread.size);
}
document.onvisibilitychange = seen;

let typingEnds, toastEnds, countdown;

function toast(name) {
  $("toast").textContent = words[name] ?? words.unavailable;
  show("toast", true);
  clearTimeout(toastEnds);
  toastEnds = setTimeout(show, 6000, "toast");
}

function link(now, seconds) {
  const waiting = now === "waiting";
  clearInterval(countdown);
  show("line", waiting || (now !== "online" && !$("line").hidden));
  show("now", waiting);
  $("link").textContent = words[now] ?? "";
  const count = () => ($("countdown").textContent = waiting ? words.retryIn(seconds--) : "");
  count();
  if (!waiting) return;
  show("typing");
  countdown = setInterval(() => seconds && count(), 1000);
}

function say(title, frame = { type: "message", text: title }) {
  const id = newId();
  sent.set(id, { ...frame, id });
  log.add({ id, from: "customer", text: title, at: new Date() });
  connection.deliver(sent.get(id));
  allow();
}

let typedAt = 0;
let typed;
function type(on) {
  clearTimeout(typed);
  if (on) typed = setTimeout(type, TYPING, false);
  if (on ? Date.now() < typedAt + TYPING / 2 : !typedAt) return;
  typedAt = on && Date.now();
  connection.send({ type: "typing", on }, false);
}

/** Fit the composer to its text, and count. */
function measure() {
  text.style.height = 0;
  text.style.height = `${text.scrollHeight + 2}px`;
  const count = [...text.value].length;
  $("count").textContent = count > COUNT_FROM ? `${count} / ${LONGEST}` : "";
  text.ariaInvalid = count > LONGEST;
  $("send").disabled = !agreed || !text.value.trim() || count > LONGEST;
}

text.oninput = () => {
  measure();
  type(!!text.value);
};

text.onkeydown = (event) => {
  // Enter that ends a composition is the input method's; Safari tells by the key code alone.
  if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
  event.preventDefault();
  $("send").click();
};

$("composer").onsubmit = (event) => {
  event.preventDefault();
  say(text.value.trim());
  text.value = "";
  measure();
  type(false);
  text.focus();
};

$("human").onclick = () => {
  asked = newId();
  connection.deliver({ type: "human", id: asked });
  allow();
};

$("leave").onclick = () => connection.send({ type: "leave_queue" });
$("close").onclick = () => connection.send({ type: "close" });
$("now").onclick = () => connection.retryNow();
$("hide").onclick = () => tell("hide");
onkeydown = (event) => event.key === "Escape" && !event.isComposing && tell("hide");

rating.onchange = () => ($("rate").disabled = !rating.score.value);
rating.onsubmit = (event) => {
  event.preventDefault();
  connection.send({ type: "rating", score: +rating.score.value, comment: $("comment").value.trim() });
  store["zhike.rated"] = conversation;
  rating.reset();
  $("rate").disabled = rating.hidden = true;
  toast("thanks");
};
