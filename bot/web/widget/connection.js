const PATIENCE = 15_000; // ms
const LONGEST_PAUSE = 30; // s

export const newId = () => crypto.randomUUID?.() ?? String(crypto.getRandomValues(new Uint32Array(4))).replaceAll(",", "-");

/** `on` is told frame(frame), link(state, seconds), undelivered(id). */
export class Connection {
  #hello;
  #on;
  #socket;
  #welcomed;
  #losses = 0;
  #timer;
  #waiting = new Map();
  #later = [];

  constructor(hello, on) {
    this.#hello = hello;
    this.#on = on;
    addEventListener("online", () => this.retryNow());
    addEventListener("offline", () => this.#lost());
  }

  start() {
    this.#drop();
    const socket = (this.#socket = new WebSocket(location.origin.replace("http", "ws") + "/chat/ws"));
    this.#timer = setTimeout(() => this.#lost(), PATIENCE);
    this.#on.link("connecting");
    socket.onopen = () => this.#write(this.#hello());
    socket.onclose = () => socket === this.#socket && this.#lost();
    socket.onmessage = ({ data }) => socket === this.#socket && this.#receive(JSON.parse(data));
  }

  retryNow() {
    if (this.#timer && !this.#socket) this.start();
  }

  /** Send a frame until it is acknowledged. */
  deliver(frame) {
    const { id } = frame;
    this.#settle(id);
    const overdue = () => {
      this.#on.undelivered(id);
      if (this.#welcomed) this.#lost(); // a dead line
    };
    this.#waiting.set(id, { frame, timer: setTimeout(overdue, PATIENCE) });
    if (this.#welcomed) this.#write(frame);
  }

  #settle(id) {
    clearTimeout(this.#waiting.get(id)?.timer);
    this.#waiting.delete(id);
  }

  /** Send a frame once. */
  send(frame, later = true) {
    if (this.#welcomed) this.#write(frame);
    else if (later) this.#later.push(frame);
  }

  #receive(frame) {
    const { type, id } = frame;
    this.#settle(id);
    if (type === "error" && !this.#welcomed) this.#lost();
    if (type === "welcome") {
      clearTimeout(this.#timer);
      this.#welcomed = true;
      this.#losses = 0;
      this.#on.link("online");
    }
    this.#on.frame(frame);
    if (type !== "welcome") return;
    for (const each of [...this.#waiting.values()]) this.deliver(each.frame);
    for (const each of this.#later.splice(0)) this.#write(each);
  }

  #write(frame) {
    this.#socket.send(JSON.stringify(frame));
  }

  #drop() {
    clearTimeout(this.#timer);
    this.#welcomed = false;
    this.#socket?.close();
    this.#socket = null;
  }

  #lost() {
    if (!this.#socket) return;
    this.#drop();
    const pause = Math.min(LONGEST_PAUSE, 2 ** this.#losses++) * (0.5 + Math.random() / 2);
    this.#timer = setTimeout(() => this.start(), pause * 1000);
    this.#on.link("waiting", Math.ceil(pause));
  }
}
