import { Connection, newId } from "./connection.js";
import { $, Log, make } from "./log.js";

const NOTICE = "2026-11";
const LONGEST = 4000; // characters

let store = {};
try {
  store = localStorage;
} catch {
  // forbidden: all is kept until the page goes
}
const framed = parent !== window;
const [text, rating] = [$("text"), $("rating")];
const unread = new Set();
const timers = {};
let host = { page: location.href.slice(0, 500) };
let shown = !framed;
let agreed = store["zhike.consent"] === NOTICE;
let cursor = 0;
let connection, state, typed;

const show = (id, on) => ($(id).hidden = !on);

function flash(id, milliseconds) {
  show(id, milliseconds);
  clearTimeout(timers[id]);
  timers[id] = setTimeout(show, milliseconds, id);
}

function toast(name) {
  $("toast").textContent = words[name] ?? words.unavailable;
  flash("toast", 6000);
}

function tell(zhike, value) {
  if (host.origin) parent.postMessage({ zhike, value }, host.origin);
}

await new Promise((go) => {
  setTimeout(go, framed * 300);
  addEventListener("message", ({ source, origin, data }) => {
    if (!framed || source !== parent) return;
    if (data.zhike === "init") {
      host = { ...data.value, origin };
      if (agreed) connection?.start();
      go();
    }
    if (data.zhike !== "shown") return;
    shown = data.value;
    if (connection) greet();
  });
});

const lang = /^en/i.test(host.locale ?? navigator.language) ? "en" : "zh-CN";
const { default: words } = await import(`./${lang.slice(0, 2)}.js`);
document.documentElement.lang = lang;
// a word with the name of an element is its text
for (const [name, word] of Object.entries(words)) {
  const element = $(name);
  if (!element) continue;
  if (element.type === "textarea") element.ariaLabel = element.placeholder = word;
  else if (element.role || element.firstElementChild) element.ariaLabel = element.title = word;
  else element.textContent = word;
}
$("ideas").replaceChildren(...words.ideas.map((idea) => make("button", { onclick: () => say(idea) }, idea)));
for (const value of [1, 2, 3, 4, 5]) {
  $("stars").append(make("input", { type: "radio", name: "score", value, label: words.star(value), testid: `rating-${value}` }));
}

const bearer = () => ({ headers: { Authorization: `Bearer ${store["zhike.token"]}` } });

const log = new Log(words, {
  choose: ({ title, payload }) => say(title, { type: "choice", title, payload }),
  fetch: (id) => fetch(`/chat/files/${id}`, bearer()),
  feedback: (seq, value) => connection.send({ type: "feedback", seq, value }),
  retry(frame) {
    log.mark(frame.id, "sending");
    connection.deliver(frame);
    connection.retryNow();
  },
});

const frames = {
  welcome({ token, messages, ...frame }) {
    if (!token) return;
    if (token !== store["zhike.token"]) {
      store["zhike.token"] = token;
      store["zhike.read"] = cursor = 0;
      unread.clear();
      log.clear();
    }
    frames.state(frame);
    $("log").ariaBusy = true;
    messages.forEach(frames.message);
    $("log").ariaBusy = false;
    tell("agreed");
  },
  message(frame) {
    const { seq, from } = frame;
    cursor = Math.max(cursor, seq);
    log.add(frame);
    allow();
    if (from === "customer") return;
    show("typing");
    if (seq > (store["zhike.read"] ?? 0)) unread.add(seq);
    seen();
  },
  ack({ id, seq }) {
    log.mark(id, "sent", seq);
  },
  state(frame) {
    state = document.body.dataset.state = frame.state;
    $("status").textContent = words.states[state];
    $("place").textContent = words.place(frame.position);
    show("queue", state === "queued");
    const closed = state === "closed";
    text.placeholder = closed ? words.closed : words.text;
    if (!closed) store["zhike.rated"] = "";
    show("rating", closed && !store["zhike.rated"]);
    log.tidy();
    allow();
  },
  read: ({ seq }) => log.read(seq),
  typing: ({ on }) => flash("typing", on * 30_000),
  error({ id, code }) {
    if (!log.mark(id, "failed", 0, code) && code !== "forbidden") toast(code);
    allow();
  },
};

function link(now, seconds) {
  const waiting = now === "waiting";
  clearInterval(timers.link);
  show("line", waiting || (now !== "online" && !$("line").hidden));
  show("now", waiting);
  $("link").textContent = words[now] ?? "";
  if (!waiting) return;
  show("typing");
  const count = () => ($("now").textContent = words.retry + (seconds > 0 ? ` (${seconds--} s)` : ""));
  count();
  timers.link = setInterval(count, 1000);
}

connection = new Connection(
  () => {
    const { identity = null, page } = agreed ? host : {};
    return { type: "hello", token: (agreed && store["zhike.token"]) || null, consent: agreed, identity, cursor, locale: lang, page };
  },
  {
    link,
    frame: (frame) => frames[frame.type]?.(frame),
    undelivered: (id) => log.mark(id, "failed", 0, "offline") || toast("offline"),
  },
);

function greet() {
  seen();
  measure();
  if (shown && matchMedia("(pointer: fine)").matches) (agreed ? text : $("agree")).focus();
}

function seen() {
  if (shown && !document.hidden && unread.size) {
    const seq = Math.max(...unread);
    unread.clear();
    store["zhike.read"] = seq;
    connection.send({ type: "read", seq }, false);
  }
  tell("unread", unread.size);
}
document.onvisibilitychange = seen;

function allow() {
  show("notice", !agreed);
  show("start", agreed && !$("log").firstChild);
  show("close", cursor && state !== "closed");
  text.disabled = !agreed;
  $("attach").disabled = !agreed || !store["zhike.token"];
  $("human").disabled = !agreed || state === "queued" || state === "agent";
  if (agreed) $("foot").append($("privacy"));
  measure();
}

function measure() {
  text.style.height = 0;
  text.style.height = `${text.scrollHeight + 2}px`;
  const count = [...text.value].length;
  $("count").textContent = count > LONGEST * 0.8 ? `${count} / ${LONGEST}` : "";
  text.ariaInvalid = count > LONGEST;
  $("send").disabled = !agreed || !text.value.trim() || count > LONGEST;
}

function say(title, frame = { type: "message", text: title }, attachments) {
  const id = (frame.id = newId());
  log.add({ id, from: "customer", text: title, at: new Date(), frame, attachments });
  connection.deliver(frame);
  allow();
}

async function attach(files) {
  for (const file of files) {
    const body = new FormData();
    body.append("file", file);
    toast("uploading");
    try {
      const kept = await (await fetch("/chat/files", { method: "POST", body, ...bearer() })).json();
      if (kept.error) return toast(kept.error.code);
      say("", { type: "message", attachments: [kept.id] }, [kept]);
      show("toast");
    } catch {
      toast("offline");
    }
  }
}

function type(on) {
  if (on !== !!typed) connection.send({ type: "typing", on }, false);
  clearTimeout(typed);
  typed = on && setTimeout(type, 5000, false);
}

text.oninput = () => {
  measure();
  type(!!text.value);
};

text.onkeydown = (event) => {
  // Enter may belong to the input method; in Safari only keyCode tells
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

$("attach").onclick = () => $("file").click();
$("file").onchange = async ({ target }) => {
  await attach(target.files);
  target.value = "";
};
text.onpaste = ({ clipboardData }) => attach(clipboardData.files);

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

$("human").onclick = () => {
  $("human").disabled = true;
  connection.deliver({ type: "human", id: newId() });
};

$("leave").onclick = () => connection.send({ type: "leave_queue" });
$("close").onclick = () => connection.send({ type: "close" });
$("now").onclick = () => connection.retryNow();
$("hide").onclick = () => tell("hide");
onkeydown = (event) => {
  if (event.key === "Escape" && !event.isComposing) tell("hide");
};

rating.onchange = () => ($("rate").disabled = !rating.score.value);
rating.onsubmit = (event) => {
  event.preventDefault();
  connection.send({ type: "rating", score: +rating.score.value, comment: $("comment").value.trim() });
  store["zhike.rated"] = 1;
  rating.reset();
  $("rate").disabled = rating.hidden = true;
  toast("thanks");
};

show("hide", framed);
document.body.hidden = false;
allow();
if (agreed) connection.start();
greet();
