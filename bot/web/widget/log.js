const GROUP = 300_000; // ms
const NEAR = 80; // px

export const $ = (id) => document.getElementById(id);

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

/** `on` is told choose(button), feedback(seq, value), retry(frame); fetch(id) gets a file. */
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


  constructor(words, on) {
    this.#words = words;
    this.#on = on;
    const box = this.#box;
    box.onscroll = () => {
      const near = box.scrollHeight - box.scrollTop - box.clientHeight < NEAR;
      // growing content leaves the end behind, too
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

  clear() {
    this.#bySeq.forEach((item) => item.remove());
    this.#bySeq.clear();
  }

  /** Without `seq` a message is not in the record yet. */
  add({ seq, id, from, name, text, buttons, at, frame, attachments = [] }) {
    if (this.#bySeq.has(seq)) return;
    const mine = from === "customer";
    let item = mine && this.#byId.get(id);
    if (!item) {
      const who = make("div", { className: "who" }, from === "agent" && name ? `${name} · ` : "", this.#words[from] ?? "");
      if (from === "bot" || from === "agent") who.prepend(icon(from));
      item = make("div", { className: `item ${from}`, testid: "bubble" }, who, make("div", { className: "text", textContent: text }));
      item.lastChild.append(...attachments.map((file) => this.#file(file)));
      item.dataset.from = from;
      item.frame = frame;
      if (id) this.#byId.set(id, item);
    }
    item.at = new Date(at);
    item.who = from + name;
    this.#place(item, seq);
    if (buttons?.length) {
      const choices = buttons.map((button) => make("button", { testid: "choice", onclick: () => this.#on.choose(button) }, button.title));
      item.append(make("div", { className: "choices" }, ...choices));
    }
    this.tidy();
    if (mine && !seq) this.toEnd();
    if (!mine) this.#pill.hidden = this.#stuck;
  }

  /** Without choices that are over; who waits for a person may still take the last ones. */
  tidy() {
    const over = document.body.dataset.state === "queued" ? ".customer ~ .bot" : ".customer";
    for (const offer of this.#list.querySelectorAll(`.item:has(~ ${over}) .choices`)) offer.remove();
  }

  read(last) {
    for (const [seq, item] of this.#bySeq) if (seq <= last && item.dataset.state === "sent") this.#mark(item, "read");
  }

  #file({ id, name, media_type, size }) {
    const link = make("a", { testid: "attachment", href: "", download: name }, `${name} · ${Math.ceil(size / 1024)} KB`);
    const load = async (event) => {
      event?.preventDefault();
      const answer = await this.#on.fetch(id);
      if (!answer.ok) return;
      link.href = URL.createObjectURL(await answer.blob());
      link.onclick = null;
      if (event) link.click();
      else link.replaceChildren(make("img", { src: link.href, alt: name }));
    };
    link.onclick = load;
    if (media_type.startsWith("image")) load();
    return link;
  }

  /** False without such a message. */
  mark(id, state, seq, reason) {
    const item = this.#byId.get(id);
    if (item && !item.dataset.seq) seq ? this.#place(item, seq) : this.#mark(item, state, reason);
    return !!item;
  }

  #mark(item, state, reason) {
    const words = this.#words;
    const { from, seq } = item.dataset;
    item.dataset.state = state;
    const foot = make("div", { className: "foot", ariaLive: state === "failed" ? "polite" : "off" });
    foot.append(this.#date(item.at, { hour: "2-digit", minute: "2-digit" }));
    if (state === "failed") {
      const retry = make("button", { testid: "retry", onclick: () => this.#on.retry(item.frame) }, words.retry);
      foot.replaceChildren(icon("failed"), `${words.failed} · ${words[reason] ?? words.unavailable}`, retry);
    } else if (from === "customer") foot.append(make("span", { role: "img", label: words[state] }, icon(state)));
    else if (from === "bot") {
      const vote = ({ currentTarget }) => {
        for (const thumb of foot.children) thumb.ariaPressed = thumb === currentTarget;
        this.#on.feedback(+seq, currentTarget.value);
      };
      foot.append(
        ...["up", "down"].map((value) => make("button", { value, label: words[value], testid: `feedback-${value}`, onclick: vote }, icon(value))),
      );
    }
    item.querySelector(".foot")?.remove();
    item.querySelector(".text").after(foot);
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
    const newDay = at.toDateString() !== before?.at.toDateString();
    item.classList.toggle("first", newDay || before.who !== who || at - before.at > GROUP);
    item.querySelector(".day")?.remove();
    if (newDay) item.prepend(make("div", { className: "day" }, this.#date(at, { month: "long", day: "numeric", weekday: "long" })));
  }

  #date = (at, parts) => at.toLocaleString(document.documentElement.lang, parts);
}
