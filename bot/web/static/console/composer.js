import { newId } from "./link.js";
import { toast } from "./notices.js";
import { $ } from "./place.js";

const LONGEST = 4000; // characters
const MOST_FILES = 5;
const TYPING_MS = 3000;

/** Where an agent writes: replies, notes, files, canned replies, with a draft kept for each conversation. */
export class Composer {
  #link;
  #conversation;
  #user;
  #form = $("composer");
  #text = $("text");
  #canned = $("canned");
  #files = [];
  #allowed = false;
  #typed = 0;
  #quiet;
  #box;
  #outbox;

  constructor(link, conversation, user) {
    this.#link = link;
    this.#conversation = conversation;
    this.#user = user;
    this.#box = `zhike.outbox.${user}`;
    this.#outbox = new Map(JSON.parse(localStorage[this.#box] ?? "[]").map((sent) => [sent.frame.id, sent]));
    for (const [id, { problem }] of this.#outbox) if (!problem) this.#deliver(id);
    const [text, form] = [this.#text, this.#form];
    form.onsubmit = (event) => {
      event.preventDefault();
      this.#submit();
    };
    form.mode.forEach((radio) => (radio.onchange = () => this.#load()));
    text.oninput = () => {
      this.#keep();
      this.#measure();
      this.#types(!!text.value);
      this.#offer();
    };
    text.onkeydown = (event) => this.#key(event);
    text.onblur = () => {
      this.#types(false);
      setTimeout(() => document.activeElement === text || this.#offered(false), 150);
    };
    $("file").onchange = () => {
      this.#attach($("file").files);
      $("file").value = "";
    };
    text.onpaste = (event) => {
      if (!event.clipboardData.files.length) return;
      event.preventDefault();
      this.#attach(event.clipboardData.files);
    };
    const talk = $("talk");
    talk.ondragover = (event) => event.preventDefault();
    talk.ondrop = (event) => {
      event.preventDefault();
      this.#attach(event.dataTransfer.files);
    };
    $("canned-button").onclick = () => {
      text.focus();
      text.setRangeText(/(^|\s)$/.test(text.value.slice(0, text.selectionStart)) ? "/" : " /", text.selectionStart, text.selectionEnd, "end");
      text.oninput();
    };
    new MutationObserver(() => this.#offered(this.#canned.children.length > 0 && this.#asked() !== null)).observe(this.#canned, { childList: true });
    this.#canned.onpointerdown = (event) => {
      event.preventDefault();
      const option = event.target.closest("[role=option]");
      if (option) this.#pick(option);
    };
  }

  get #mode() {
    return this.#form.mode.value;
  }

  /** Show the draft of another conversation. */
  switch(conversation) {
    this.#files = [];
    this.#showFiles();
    this.#showOutbox();
    if (conversation) this.#load();
  }

  /** What may be written stands in the head of the conversation. */
  allow({ mine = "", hint = "" }) {
    const changed = this.#allowed !== !!mine;
    this.#allowed = !!mine;
    const [reply, note] = this.#form.mode;
    reply.disabled = !mine;
    if (changed || (!mine && reply.checked)) {
      (mine ? reply : note).checked = true;
      this.#load();
    }
    $("hint").textContent = mine ? "Enter 发送，Shift+Enter 换行" : hint;
    for (const id of ["file", "file-button", "canned-button"]) $(id).disabled = !mine;
  }

  focus(mode) {
    const radio = [...this.#form.mode].find((each) => each.value === mode);
    if (radio.disabled) return;
    radio.checked = true;
    this.#load();
    this.#text.focus();
  }

  insert(words) {
    this.focus("reply");
    const text = this.#text;
    text.setRangeText(words, text.selectionStart, text.selectionEnd, "end");
    text.oninput();
  }

  /** A message of this page is in the transcript. */
  arrived(client) {
    if (this.#outbox.delete(client)) this.#showOutbox();
  }

  // Drafts

  #draft(mode = this.#mode) {
    return `zhike.draft.${this.#user}.${this.#conversation()}.${mode}`;
  }

  #load() {
    this.#form.dataset.mode = this.#mode;
    this.#text.value = localStorage[this.#draft()] ?? "";
    this.#text.placeholder = this.#mode === "note" ? "写内部备注，顾客看不到…" : "回复顾客，输入 / 使用常用语…";
    $("send-words").textContent = this.#mode === "note" ? "保存备注" : "发送";
    this.#offered(false);
    this.#measure();
  }

  #keep() {
    if (this.#text.value) localStorage[this.#draft()] = this.#text.value;
    else localStorage.removeItem(this.#draft());
  }

  #measure() {
    const text = this.#text;
    text.style.height = 0;
    text.style.height = `${text.scrollHeight + 2}px`;
    const count = [...text.value].length;
    $("count").textContent = count > LONGEST * 0.8 ? `${count} / ${LONGEST}` : "";
    text.ariaInvalid = count > LONGEST;
    const waits = this.#files.some((file) => !file.id);
    $("send").disabled = count > LONGEST || waits || (!text.value.trim() && !(this.#mode === "reply" && this.#files.length));
  }

  // Sending

  async #submit() {
    if ($("send").disabled) return;
    const text = this.#text.value.trim();
    const conversation = this.#conversation();
    this.#types(false);
    if (this.#mode === "note") {
      $("send").disabled = true;
      const key = this.#draft("note");
      const problem = await this.#link.ask({ type: "note", conversation, text, about: "conversation" });
      if (problem) toast(problem);
      else localStorage.removeItem(key);
      if (conversation === this.#conversation()) problem ? this.#measure() : this.#load();
      return;
    }
    const frame = { type: "reply", id: newId(), conversation, text, attachments: this.#files.map((file) => file.id) };
    localStorage.removeItem(this.#draft());
    this.#outbox.set(frame.id, { frame, names: this.#files.map((file) => file.name) });
    this.#files = [];
    this.#showFiles();
    this.#load();
    this.#deliver(frame.id);
    $("scroll").scrollTop = $("scroll").scrollHeight;
  }

  /** What is not in the record yet is kept in the browser; sent again it is the same message. */
  async #deliver(id) {
    const sent = this.#outbox.get(id);
    delete sent.problem;
    this.#showOutbox();
    const problem = await this.#link.ask(sent.frame, true);
    if (!problem) {
      setTimeout(() => this.arrived(id), 3000); // the transcript brings it sooner
      return;
    }
    sent.problem = problem;
    this.#showOutbox();
    if (sent.frame.conversation !== this.#conversation()) toast(`一条回复未送达：${problem}`);
  }

  #showOutbox() {
    const sent = [...this.#outbox.values()];
    localStorage[this.#box] = JSON.stringify(sent);
    $("pending").replaceChildren(...sent.filter(({ frame }) => frame.conversation === this.#conversation()).map((each) => this.#pending(each)));
  }

  #pending({ frame, names, problem }) {
    const item = document.createElement("li");
    item.className = `line agent ${problem ? "failed" : "pending"}`;
    const words = document.createElement("div");
    words.className = "text";
    words.textContent = [frame.text, ...names.map((name) => `📎 ${name}`)].filter(Boolean).join("\n");
    const foot = document.createElement("div");
    foot.className = "foot";
    foot.textContent = problem ? `未送达：${problem}` : "发送中…";
    item.append(words, foot);
    if (!problem) return item;
    const button = (title, onclick) => Object.assign(document.createElement("button"), { type: "button", className: "plain", textContent: title, onclick });
    const back = () => {
      this.arrived(frame.id);
      this.insert(frame.text);
    };
    foot.append(button("重试", () => this.#deliver(frame.id)), button("放回输入框", back));
    return item;
  }

  #types(on) {
    clearTimeout(this.#quiet);
    if (on) this.#quiet = setTimeout(() => this.#types(false), 2 * TYPING_MS);
    if (this.#mode !== "reply" || !this.#allowed) return;
    const now = Date.now();
    if (on ? now - this.#typed < TYPING_MS : !this.#typed) return;
    this.#typed = on ? now : 0;
    this.#link.send({ type: "typing", conversation: this.#conversation(), on });
  }

  #key(event) {
    // Enter may belong to the input method; in Safari only keyCode tells
    if (event.isComposing || event.keyCode === 229) return;
    if (!this.#canned.hidden && this.#choose(event)) return;
    if (event.key !== "Enter" || event.shiftKey) return;
    event.preventDefault();
    this.#submit();
  }

  // Canned replies

  #asked() {
    const before = this.#text.value.slice(0, this.#text.selectionStart);
    return this.#mode === "reply" ? (before.match(/(?:^|\s)\/(\S{0,40})$/)?.[1] ?? null) : null;
  }

  #offer() {
    const asked = this.#asked();
    if (asked === null) this.#offered(false);
    else this.#link.send({ type: "canned", conversation: this.#conversation(), search: asked });
  }

  #offered(on) {
    const canned = this.#canned;
    canned.hidden = !on;
    if (on) this.#activate(canned.querySelector("[role=option]"));
    else this.#text.removeAttribute("aria-activedescendant");
  }

  #activate(option) {
    for (const each of this.#canned.children) each.ariaSelected = each === option;
    if (!option) return;
    option.scrollIntoView({ block: "nearest" });
    this.#text.setAttribute("aria-activedescendant", option.id);
  }

  #choose(event) {
    const options = [...this.#canned.querySelectorAll("[role=option]")];
    const at = options.findIndex((each) => each.ariaSelected === "true");
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step && options.length) this.#activate(options[(at + step + options.length) % options.length]);
    else if (event.key === "Escape") {
      event.stopPropagation();
      this.#offered(false);
    } else if ((event.key === "Enter" || event.key === "Tab") && options[at]) this.#pick(options[at]);
    else return false;
    event.preventDefault();
    return true;
  }

  #pick(option) {
    const text = this.#text;
    const start = text.selectionStart - this.#asked().length - 1;
    text.setRangeText(option.querySelector(".said").textContent, start, text.selectionStart, "end");
    this.#offered(false);
    this.#keep();
    this.#measure();
    text.focus();
  }

  // Files

  async #attach(list) {
    if (!this.#allowed) return;
    this.focus("reply");
    for (const file of [...list].slice(0, MOST_FILES - this.#files.length)) {
      const conversation = this.#conversation();
      const item = { name: file.name, id: null };
      this.#files.push(item);
      this.#showFiles();
      const body = new FormData();
      body.append("file", file);
      try {
        const headers = { "X-CSRF-Token": document.body.dataset.csrf };
        const response = await fetch(`/agent/attachments?conversation=${conversation}`, { method: "POST", headers, body });
        const answer = await response.json();
        if (!response.ok) throw new Error(answer.error.message);
        Object.assign(item, answer);
      } catch (error) {
        this.#files = this.#files.filter((each) => each !== item);
        toast(`${file.name}：${error.message}`);
      }
      this.#showFiles();
    }
  }

  #showFiles() {
    const chips = this.#files.map((file) => {
      const chip = document.createElement("li");
      const remove = document.createElement("button");
      remove.type = "button";
      remove.ariaLabel = `移除 ${file.name}`;
      remove.textContent = "×";
      remove.onclick = () => {
        this.#files = this.#files.filter((each) => each !== file);
        this.#showFiles();
      };
      chip.className = file.id ? "" : "loading";
      chip.append(file.name, remove);
      return chip;
    });
    $("files").replaceChildren(...chips);
    this.#measure();
  }
}
