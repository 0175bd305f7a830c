// The socket: greets, comes back after losses, and sends again what has not been acknowledged.

const PATIENCE = 15_000; // ms
const LONGEST_PAUSE = 30; // s

export const newId = () => crypto.randomUUID?.() ?? String(crypto.getRandomValues(new Uint32Array(4))).replaceAll(",", "-");

/** `hello()` makes the greeting; `on` is told frame(frame), link("connecting" | "online" | "waiting", seconds) and undelivered(id). */
export class Connection {
  #hello;
  #on;
  #socket;
  #welcomed;
  #losses = 0;
  #again;
  #greeting;
  #waiting = new Map(); // id → frame and its timer
  #later = [];

  constructor(hello, on) {
    this.#hello = hello;
    this.#on = on;
    addEventListener("online", () => this.retryNow());
    addEventListener("offline", () => this.#lost());
  }

  /** Connect, or connect anew. */
  start() {
    this.#drop();
    const socket = (this.#socket = new WebSocket(location.origin.replace("http", "ws") + "/chat/ws"));
    this.#greeting = setTimeout(() => this.#lost(), PATIENCE);
    this.#on.link("connecting");
    socket.onopen = () => this.#write(this.#hello());
    socket.onclose = () => socket === this.#socket && this.#lost();
    socket.onmessage = ({ data }) => socket === this.#socket && this.#receive(JSON.parse(data));
  }

  retryNow() {
    if (this.#again) this.start();
  }

  /** Send a frame with an id until it is acknowledged. */
  deliver(frame) {
    const { id } = frame;
    this.settle(id);
    const overdue = () => {
      this.#on.undelivered(id);
      if (this.#welcomed) this.#lost(); // a dead line that nobody has told of
    };
    this.#waiting.set(id, { frame, timer: setTimeout(overdue, PATIENCE) });
    if (this.#welcomed) this.#write(frame);
  }

  /** The frame needs no sending any more. */
  settle(id) {
    clearTimeout(this.#waiting.get(id)?.timer);
    this.#waiting.delete(id);
  }

  /** Send a frame that is not acknowledged; without a connection it is sent later, or dropped. */
  send(frame, later = true) {
    if (this.#welcomed) this.#write(frame);
    else if (later) this.#later.push(frame);
  }

  #receive(frame) {
    const { type, id } = frame;
    if (type === "ack" || type === "error") this.settle(id);
    if (type === "welcome") {
      clearTimeout(this.#greeting);
      this.#welcomed = true;
      this.#losses = 0;
      this.#on.link("online");
    }
    this.#on.frame(frame);
    if (type === "welcome") {
      [...this.#waiting.values()].forEach((each) => this.deliver(each.frame));
      this.#later.splice(0).forEach((each) => this.#write(each));
    } else if (type === "error" && !this.#welcomed) this.#lost();
  }

  #write(frame) {
    this.#socket.send(JSON.stringify(frame));
  }

  #drop() {
    clearTimeout(this.#again);
    clearTimeout(this.#greeting);
    this.#again = this.#welcomed = 0;
    this.#socket?.close();
    this.#socket = null;
  }

  #lost() {
    if (!this.#socket) return;
    this.#drop();
    const pause = Math.min(LONGEST_PAUSE, 2 ** this.#losses++) * (0.5 + Math.random() / 2);
    this.#again = setTimeout(() => this.start(), pause * 1000);
    this.#on.link("waiting", Math.ceil(pause));
  }
}
