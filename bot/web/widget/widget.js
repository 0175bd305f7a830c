// Wires the document of the widget to its connection, and to the page around it.

import { Connection, newId } from "./connection.js";
import { Log, make } from "./log.js";
import { NOTICE, wordsFor } from "./words.js";

const LONGEST = 4000; // characters of a message
const COUNT_FROM = 3000;
const TYPING_EVERY = 3000; // ms
const TYPING_ENDS = 5000;
const BOT_TYPES_AT_MOST = 30_000;

const $ = (id) => document.getElementById(id);
const [text, rating] = [$("text"), $("rating")];
const framed = parent !== window;
const memory = {};

/** Keep a value on this device; where that is not allowed, until the page goes. */
function keep(name, value) {
  memory[name] = value;
  try {
    localStorage[`zhike.${name}`] = value;
  } catch {}
}

function kept(name) {
  try {
    return memory[name] ?? localStorage[`zhike.${name}`];
  } catch {}
}

let host = { page: location.href }; // what the page around has told: origin, page, identity, locale
let shown = !framed;
let agreed = kept("consent") === NOTICE;
let words, log, connection;
let conversation = "";
let state = "bot";
let cursor = 0;
let read = 0;
let asked = ""; // id of the wish for a person that is under way
const unread = new Set();
const sent = new Map(); // id → frame that is not in the record yet

function tell(zhike, value) {
  if (host.origin) parent.postMessage({ zhike, value }, host.origin);
}

addEventListener("message", ({ source, origin, data }) => {
  if (source !== parent || !framed || !data?.zhike) return;
  if (data.zhike === "shown") {
    shown = data.value;
    if (shown && words) greet();
    return;
  }
  const other = data.value.identity !== host.identity;
  host = { ...data.value, origin };
  if (!words) start();
  else if (other && agreed) connection.start();
});

setTimeout(() => words || start(), framed ? 300 : 0);

function start() {
  const english = /^en/i.test(host.locale ?? navigator.language);
  const lang = (document.documentElement.lang = english ? "en" : "zh-CN");
  words = wordsFor(lang);
  for (const element of document.querySelectorAll("[data-text]")) element.textContent = words[element.dataset.text];
  for (const element of document.querySelectorAll("[data-label]")) element.ariaLabel = element.title = words[element.dataset.label];
  for (const element of document.querySelectorAll("[data-place]")) element.ariaLabel = element.placeholder = words[element.dataset.place];
  $("ideas").append(...words.ideas.map((idea) => make("button", { textContent: idea, onclick: () => say(idea) })));
  for (let score = 1; score < 6; score++) {
    const star = { type: "radio", name: "score", value: score, required: true, label: words.star(score), data: { testid: `rating-${score}` } };
    $("stars").append(make("input", star));
  }
  log = new Log($("log"), $("box"), $("pill"), words, lang, {
    choose: ({ title, payload }) => say(title, { type: "choice", title, payload }),
    feedback: (seq, value) => connection.send({ type: "feedback", seq, value }),
    retry(id) {
      log.mark(id, "sending");
      connection.deliver(sent.get(id));
      connection.retryNow();
    },
  });
  const hello = () => {
    const { identity, page } = agreed ? host : {};
    return { type: "hello", token: (agreed && kept("token")) || null, consent: agreed, identity, cursor, locale: lang, page };
  };
  connection = new Connection(hello, { frame: (frame) => frames[frame.type]?.(frame), link, undelivered: (id) => failed(id, "offline") });
  document.body.hidden = false;
  allow();
  if (agreed) connection.start();
  greet();
}

/** What the customer sees first, and where the keyboard goes. */
function greet() {
  seen();
  if (matchMedia("(pointer: fine)").matches) (agreed ? text : $("agree")).focus();
}

/** Show what the consent permits. */
function allow() {
  $("notice").hidden = agreed;
  $("hello").hidden = !agreed || cursor > 0;
  text.disabled = !agreed;
  $("close").hidden = !agreed || !cursor || state === "closed";
  $("human").disabled = !agreed || asked || state === "queued" || state === "agent";
  measure();
}

$("agree").onclick = () => {
  agreed = true;
  keep("consent", NOTICE);
  tell("agreed");
  allow();
  connection.start();
  text.focus();
};

$("refuse").onclick = () => {
  $("noticeText").textContent = words.refused;
  $("refuse").hidden = true;
  connection.start();
};

// What the server says

const frames = {
  welcome(frame) {
    if (!frame.token) return;
    keep("token", frame.token);
    if (frame.conversation !== conversation) {
      conversation = frame.conversation;
      log.clear();
      unread.clear();
      const [of, seq] = (kept("read") ?? "").split(" ");
      read = of === conversation ? +seq : 0;
      cursor = 0;
    }
    $("log").ariaBusy = true;
    frame.messages.forEach(frames.message);
    $("log").ariaBusy = false;
    frames.state(frame);
    tell("agreed");
  },
  message(frame) {
    const { seq, id, from } = frame;
    cursor = Math.max(cursor, seq);
    log.add(frame);
    if (id) settled(id);
    if (from === "customer") return;
    typing(false);
    if (seq > read) unread.add(seq);
    seen();
  },
  ack({ id, seq }) {
    log.acknowledge(id, seq);
    settled(id);
  },
  state(frame) {
    state = document.body.dataset.state = frame.state;
    $("status").textContent = words.status[state];
    $("queue").hidden = state !== "queued";
    $("position").textContent = words.queued(frame.position);
    text.placeholder = state === "closed" ? words.ended : words.placeholder;
    rating.hidden = state !== "closed" || kept("rated") === conversation;
    if (state !== "closed") keep("rated", "");
    else log.toEnd();
    allow();
  },
  typing: ({ on }) => typing(on),
  error({ id, code }) {
    if (id) failed(id, code);
    else toast(code === "forbidden" && host.identity ? words.visitor : (words.error[code] ?? words.error.unavailable));
  },
};

function settled(id) {
  connection.settle(id);
  sent.delete(id);
  if (id === asked) asked = "";
  allow();
}

function failed(id, code) {
  if (log.mark(id, "failed", code) || id !== asked) return;
  toast(words.error[code] ?? words.error.unavailable);
  if (code !== "offline") asked = "";
  allow();
}

let typingEnds;
function typing(on) {
  clearTimeout(typingEnds);
  $("typing").hidden = !on;
  if (on) typingEnds = setTimeout(typing, BOT_TYPES_AT_MOST);
}

/** What is on the screen has been read; what is not is counted on the launcher. */
function seen() {
  if (shown && !document.hidden && unread.size) {
    read = Math.max(...unread);
    unread.clear();
    keep("read", `${conversation} ${read}`);
    connection.send({ type: "read", seq: read }, false);
  }
  tell("unread", unread.size);
}
document.addEventListener("visibilitychange", seen);

let toastEnds;
function toast(sentence) {
  clearTimeout(toastEnds);
  $("toast").textContent = sentence;
  $("toast").hidden = false;
  toastEnds = setTimeout(() => ($("toast").hidden = true), 6000);
}

let counting;
let wasLost = false;
function link(now, seconds) {
  clearInterval(counting);
  wasLost = now === "waiting" || (wasLost && now !== "online");
  $("line").hidden = !wasLost;
  $("now").hidden = now !== "waiting";
  $("lineText").textContent = now === "waiting" ? words.lost : words.connecting;
  $("countdown").textContent = "";
  if (now !== "waiting") return;
  typing(false);
  const count = () => ($("countdown").textContent = words.retryIn(Math.max(1, seconds--)));
  count();
  counting = setInterval(count, 1000);
}

// What the customer does

function say(what, frame = { type: "message", text: what }) {
  const id = newId();
  sent.set(id, { ...frame, id });
  log.add({ id, from: "customer", text: what, at: new Date() });
  connection.deliver(sent.get(id));
  $("hello").hidden = true;
}

let typedAt = 0;
let stillTyping;
function type(on) {
  clearTimeout(stillTyping);
  if (on) stillTyping = setTimeout(type, TYPING_ENDS);
  if (on ? Date.now() - typedAt < TYPING_EVERY : !typedAt) return;
  typedAt = on ? Date.now() : 0;
  connection.send({ type: "typing", on: !!on }, false);
}

/** Fit the composer to its text, and count. */
function measure() {
  text.style.height = "auto";
  text.style.height = `${text.scrollHeight}px`;
  const count = [...text.value].length;
  $("count").textContent = count > COUNT_FROM ? `${count} / ${LONGEST}` : "";
  $("count").className = text.ariaInvalid = count > LONGEST;
  $("send").disabled = !agreed || !text.value.trim() || count > LONGEST;
}

text.oninput = () => {
  measure();
  type(!!text.value);
};

text.onkeydown = (event) => {
  // Enter that picks a word of an input method is not meant for us; Safari tells it by the key code alone.
  if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
  event.preventDefault();
  if (!$("send").disabled) $("composer").requestSubmit();
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
document.onkeydown = (event) => {
  if (event.key === "Escape" && !event.isComposing) tell("hide");
};

rating.onchange = () => ($("rate").disabled = !rating.elements.score.value);
rating.onsubmit = (event) => {
  event.preventDefault();
  connection.send({ type: "rating", score: +rating.elements.score.value, comment: $("comment").value.trim() });
  toast(words.thanks);
  rated();
};
$("later").onclick = rated;

function rated() {
  keep("rated", conversation);
  rating.reset();
  $("rate").disabled = rating.hidden = true;
}
