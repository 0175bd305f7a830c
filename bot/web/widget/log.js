// The log: a bubble for each message, in the order of the record; what is not in the record yet stands last.

const GROUP = 300_000; // ms between messages that share a heading
const NEAR = 80; // px

export const $ = (id) => document.getElementById(id);

/** An element with properties; `testid`, and `label` for those who do not see it, become attributes. */
export function make(tag, { testid, label, ...properties }, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  if (testid) element.dataset.testid = testid;
  if (label) element.ariaLabel = element.title = label;
  element.append(...children);
  return element;
}

function icon(name) {
  const svg = document.querySelector("header svg").cloneNode(true);
  svg.firstChild.setAttribute("href", `#i-${name}`);
  return svg;
}

export class Log {
  #list = $("log");
  #box = $("box");
  #pill = $("pill");
  #words;
  #on;
  #bySeq = new Map();
  #byId = new Map();
  #stuck = true;
  #top = 0;

  /** `on` is told choose(button), feedback(seq, value) and retry(id). */
  constructor(words, on) {
    this.#words = words;
    this.#on = on;
    const box = this.#box;
    box.onscroll = () => {
      const near = box.scrollHeight - box.scrollTop - box.clientHeight < NEAR;
      // Content that grows leaves the end behind, too: only going up lets go of it.
      if (near || box.scrollTop < this.#top) this.#stuck = near;
      if (near) this.#pill.hidden = true;
      this.#top = box.scrollTop;
    };
    this.#pill.onclick = () => this.toEnd();
    const growth = new ResizeObserver(() => this.#stuck && this.toEnd());
    [box, ...box.children].forEach((element) => growth.observe(element));
  }

  toEnd() {
    this.#stuck = this.#pill.hidden = true;
    this.#box.scrollTop = this.#box.scrollHeight;
  }

  /** Forget what is in the record. */
  clear() {
    this.#bySeq.forEach((item) => item.remove());
    this.#bySeq.clear();
  }

  /** Show a message of the record, or one on its way to it (without `seq`). */
  add({ seq, id, from, name, text, buttons, at }) {
    if (this.#bySeq.has(seq)) return;
    const mine = from === "customer";
    let item = mine && this.#byId.get(id);
    if (!item) {
      const who = make("div", { className: "who" }, from === "agent" && name ? `${name} · ` : "", this.#words[from] ?? "");
      if (from === "bot" || from === "agent") who.prepend(icon(from));
      item = make("div", { className: `item ${from}`, testid: "bubble" }, who, make("div", { className: "text", textContent: text }));
      item.dataset.from = from;
      item.id = id ?? "";
      this.#byId.set(id, item);
    }
    item.at = new Date(at);
    item.who = from + name;
    this.#place(item, seq);
    if (mine) {
      for (const offer of this.#list.querySelectorAll(".choices")) if (offer.compareDocumentPosition(item) & 4) offer.remove();
      if (!seq) this.toEnd();
      return;
    }
    if (buttons?.length && !item.matches(":has(~ .customer)")) {
      const choices = buttons.map((button) => make("button", { testid: "choice", onclick: () => this.#on.choose(button) }, button.title));
      item.append(make("div", { className: "choices" }, ...choices));
    }
    this.#pill.hidden = this.#stuck;
  }

  /** A message that is not in the record is now, with a `seq`; or "sending", or "failed" for a reason. False for foreign ids. */
  mark(id, state, seq, reason) {
    const item = this.#byId.get(id);
    if (item && !item.dataset.seq) seq ? this.#place(item, seq) : this.#mark(item, state, reason);
    return !!item;
  }

  #mark(item, state, reason) {
    const words = this.#words;
    const { from, seq } = item.dataset;
    item.dataset.state = state;
    const foot = make("div", { className: "foot", ariaLive: "off" });
    foot.append(item.at.toLocaleTimeString(document.documentElement.lang, { hour: "2-digit", minute: "2-digit" }));
    if (state === "failed") {
      const retry = make("button", { testid: "retry", onclick: () => this.#on.retry(item.id) }, words.retry);
      foot.replaceChildren(icon("failed"), `${words.failed} · ${words[reason] ?? words.unavailable}`, retry);
      foot.ariaLive = "polite";
    } else if (from === "customer") foot.append(make("span", { role: "img", label: words[state] }, icon(state)));
    else if (from === "bot") foot.append(this.#thumb(+seq, "up"), this.#thumb(+seq, "down"));
    item.querySelector(".foot")?.remove();
    item.querySelector(".text").after(foot);
  }

  #thumb(seq, value) {
    const thumb = make("button", { label: this.#words[value], testid: `feedback-${value}`, ariaPressed: false }, icon(value));
    thumb.onclick = () => {
      for (const each of thumb.parentNode.children) each.ariaPressed = each === thumb;
      this.#on.feedback(seq, value);
    };
    return thumb;
  }

  #place(item, seq) {
    let before = this.#list.lastChild;
    if (seq) {
      item.dataset.seq = seq;
      this.#bySeq.set(seq, item);
      while (before && !(before.dataset.seq < seq)) before = before.previousSibling;
    }
    const next = before ? before.nextSibling : this.#list.firstChild;
    if (next !== item) this.#list.insertBefore(item, next);
    this.#mark(item, seq ? "sent" : "sending");
    for (const each of [item, item.nextSibling]) if (each) this.#arrange(each);
  }

  #arrange(item) {
    const { at, who, previousSibling: before } = item;
    const day = at.toDateString();
    const newDay = day !== before?.at.toDateString();
    item.classList.toggle("first", newDay || before.who !== who || at - before.at > GROUP);
    item.querySelector(".day")?.remove();
    if (!newDay) return;
    const { today, yesterday } = this.#words;
    const ago = [today, yesterday].find((word, days) => new Date(Date.now() - days * 86_400_000).toDateString() === day);
    const date = ago ?? at.toLocaleDateString(document.documentElement.lang, { month: "long", day: "numeric" });
    item.prepend(make("div", { className: "day" }, date));
  }
}
