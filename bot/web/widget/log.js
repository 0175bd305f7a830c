// The log: one bubble per message, in the order of the record; what is not in the record yet stands last.

const GROUP = 300_000; // ms between messages that still share a heading
const NEAR = 80; // px from the end that count as reading the newest

/** An element with properties, data-… attributes under `data`, a `label`, and children. */
export function make(tag, { data, label, ...properties } = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  Object.assign(element.dataset, data);
  if (label) element.ariaLabel = element.title = label;
  element.append(...children);
  return element;
}

/** One of the icons that the document defines. */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS(svg.namespaceURI, "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  svg.setAttribute("aria-hidden", true);
  return svg;
}

export class Log {
  #list;
  #box;
  #pill;
  #words;
  #locale;
  #on;
  #bySeq = new Map();
  #byId = new Map();
  #stuck = true;
  #top = 0;

  /** `list` scrolls in `box`; `pill` leads to what is new. `on` is told choose(button), feedback(seq, value) and retry(id). */
  constructor(list, box, pill, words, locale, on) {
    this.#list = list;
    this.#box = box;
    this.#pill = pill;
    this.#words = words;
    this.#locale = locale;
    this.#on = on;
    box.onscroll = () => {
      const near = box.scrollHeight - box.scrollTop - box.clientHeight < NEAR;
      // Only going up lets go of the end: content that grows also leaves it behind.
      if (near || box.scrollTop < this.#top) this.#stuck = near;
      if (near) pill.hidden = true;
      this.#top = box.scrollTop;
    };
    pill.onclick = () => this.toEnd();
    const grown = new ResizeObserver(() => this.#stuck && this.toEnd());
    [box, ...box.children].forEach((element) => grown.observe(element));
  }

  /** Show the newest. */
  toEnd() {
    this.#stuck = true;
    this.#pill.hidden = true;
    this.#box.scrollTop = this.#box.scrollHeight;
  }

  /** Forget what is in the record; what is still to be sent stays. */
  clear() {
    this.#bySeq.forEach((item) => item.remove());
    this.#bySeq.clear();
  }

  /** Show a message of the record, or one on its way to it (without `seq`). */
  add({ seq, id, from, name, text, buttons, at }) {
    if (this.#bySeq.has(seq)) return;
    let item = from === "customer" && this.#byId.get(id);
    if (!item) {
      item = make("div", { className: `item ${from}`, data: { testid: "bubble", from } }, this.#speaker(from, name));
      item.append(make("div", { className: "text", textContent: text }));
      if (id) this.#byId.set((item.dataset.id = id), item);
    }
    item.at = new Date(at);
    item.who = from + name;
    this.#place(item, seq);
    this.#mark(item, seq ? "sent" : "sending");
    if (from === "customer") {
      for (const offer of this.#list.querySelectorAll(".choices")) if (offer.compareDocumentPosition(item) & 4) offer.remove();
      if (!seq) this.toEnd();
    } else {
      if (buttons?.length && !item.matches(":has(~ .customer)")) this.#offer(item, buttons);
      this.#pill.hidden = this.#stuck;
    }
  }

  /** The record has taken a message. */
  acknowledge(id, seq) {
    const item = this.#byId.get(id);
    if (!item || item.dataset.seq) return;
    this.#place(item, seq);
    this.#mark(item, "sent");
  }

  /** A message is on its way again, or it failed for a reason with a code. False when it is none of the log's. */
  mark(id, state, code) {
    const item = this.#byId.get(id);
    if (item && !item.dataset.seq) this.#mark(item, state, code);
    return !!item;
  }

  #mark(item, state, code) {
    const words = this.#words;
    const { from, seq, id } = item.dataset;
    item.dataset.state = state;
    const foot = make("div", { className: "foot" });
    foot.append(make("time", { textContent: item.at.toLocaleTimeString(this.#locale, { hour: "2-digit", minute: "2-digit" }) }));
    if (state === "failed") {
      const retry = make("button", { textContent: words.retry, data: { testid: "retry" }, onclick: () => this.#on.retry(id) });
      foot.replaceChildren(icon("failed"), `${words.failed} · ${words.error[code] ?? words.error.unavailable}`, retry);
    } else if (from === "customer") foot.append(make("span", { role: "img", label: words[state] }, icon(state)));
    else if (from === "bot") foot.append(this.#thumb(seq, "up"), this.#thumb(seq, "down"));
    foot.ariaLive = state === "failed" ? "polite" : "off";
    item.querySelector(".foot")?.remove();
    item.querySelector(".text").after(foot);
  }

  #thumb(seq, value) {
    const thumb = make("button", { label: this.#words[value], data: { testid: `feedback-${value}` }, ariaPressed: false }, icon(value));
    thumb.onclick = () => {
      for (const each of thumb.parentNode.querySelectorAll("button")) each.ariaPressed = each === thumb;
      this.#on.feedback(+seq, value);
    };
    return thumb;
  }

  #offer(item, buttons) {
    const choices = buttons.map((button) =>
      make("button", { textContent: button.title, data: { testid: "choice" }, onclick: () => this.#on.choose(button) }),
    );
    item.append(make("div", { className: "choices" }, ...choices));
  }

  #speaker(from, name) {
    const words = this.#words;
    const labels = { customer: words.customer, bot: `${words.bot}·${words.robot}`, agent: `${name ?? ""} · ${words.person}`.replace(/^ · /, "") };
    const speaker = make("div", { className: "who", textContent: labels[from] ?? "" });
    if (from === "bot" || from === "agent") speaker.prepend(icon(from));
    return speaker;
  }

  #place(item, seq) {
    let before = this.#list.lastElementChild;
    if (seq) {
      item.dataset.seq = seq;
      this.#bySeq.set(seq, item);
      while (before && (before === item || !(before.dataset.seq < seq))) before = before.previousElementSibling;
      if (!before) this.#list.prepend(item);
      else if (before.nextElementSibling !== item) before.after(item);
    } else this.#list.append(item);
    this.#arrange(item);
    if (item.nextElementSibling) this.#arrange(item.nextElementSibling);
  }

  #arrange(item) {
    const before = item.previousElementSibling;
    const newDay = before?.at.toDateString() !== item.at.toDateString();
    item.classList.toggle("first", newDay || before.who !== item.who || item.at - before.at > GROUP);
    item.querySelector(".day")?.remove();
    if (newDay) item.prepend(make("div", { className: "day", textContent: this.#day(item.at) }));
  }

  #day(at) {
    const midnight = new Date().setHours(0, 0, 0, 0);
    const days = Math.round((midnight - new Date(at).setHours(0, 0, 0, 0)) / 86_400_000);
    if (days < 2) return days > 0 ? this.#words.yesterday : this.#words.today;
    return at.toLocaleDateString(this.#locale, { month: "long", day: "numeric", weekday: "short" });
  }
}
