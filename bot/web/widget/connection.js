// The socket: greeting, coming back after losses, and what has to be sent again.

const PATIENCE = 15_000; // ms without an acknowledgement until a message counts as not delivered
const GREETING = 10_000; // ms for the server to welcome
const LONGEST_PAUSE = 30; // s between two attempts

export const newId = () =>
  crypto.randomUUID?.() ?? Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

/**
 * Keeps one conversation connected. `hello()` makes the greeting; `on` is told
 * frame(frame), link("connecting" | "online" | "waiting", seconds), and undelivered(id).
 */
export class Connection {
  #hello;
  #on;
  #socket = null;
  #welcomed = false;
  #losses = 0;
  #again = 0;
  #greeting = 0;
  #waiting = new Map(); // id → frame that has not been acknowledged
  #clocks = new Map(); // id → timer
  #later = []; // frames without acknowledgement, kept while there is no connection

  constructor(hello, on) {
    this.#hello = hello;
    this.#on = on;
    addEventListener("online", () => this.retryNow());
    addEventListener("offline", () => this.#lost());
    document.addEventListener("visibilitychange", () => document.hidden || this.retryNow());
  }

  /** Connect, or connect anew with a fresh greeting. */
  start() {
    clearTimeout(this.#again);
    this.#drop();
    const socket = new WebSocket(new URL("/chat/ws", location.href.replace(/^http/, "ws")));
    this.#socket = socket;
    this.#on.link("connecting");
    this.#greeting = setTimeout(() => this.#lost(), GREETING);
    socket.onopen = () => socket.send(JSON.stringify(this.#hello()));
    socket.onclose = () => this.#lost();
    socket.onmessage = (event) => this.#receive(JSON.parse(event.data));
  }

  /** Do not wait for the next attempt. */
  retryNow() {
    if (this.#again) this.start();
  }

  /** Send a frame that the server acknowledges; it is sent again, under the same id, until it does. */
  deliver(frame) {
    this.#waiting.set(frame.id, frame);
    this.#watch(frame.id);
    if (this.#welcomed) this.#write(frame);
  }

  /** Send a frame; `keep` holds it back while there is no connection, otherwise it is dropped then. */
  send(frame, keep = true) {
    if (this.#welcomed) this.#write(frame);
    else if (keep) this.#later.push(frame);
  }

  /** The message is in the record. */
  settle(id) {
    clearTimeout(this.#clocks.get(id));
    this.#clocks.delete(id);
    this.#waiting.delete(id);
  }

  #receive(frame) {
    if (frame.type === "welcome") {
      clearTimeout(this.#greeting);
      this.#welcomed = true;
      this.#losses = 0;
      this.#on.link("online");
      this.#on.frame(frame);
      this.#later.splice(0).forEach((late) => this.#write(late));
      for (const [id, late] of this.#waiting) {
        this.#watch(id);
        this.#write(late);
      }
      return;
    }
    if (frame.type === "ack" || (frame.type === "error" && frame.id)) this.settle(frame.id);
    this.#on.frame(frame);
    if (frame.type === "error" && !this.#welcomed) this.#lost();
  }

  #watch(id) {
    clearTimeout(this.#clocks.get(id));
    const overdue = () => {
      this.#on.undelivered(id);
      if (this.#welcomed) this.#lost(); // the line is dead although nobody has told
    };
    this.#clocks.set(id, setTimeout(overdue, PATIENCE));
  }

  #write(frame) {
    this.#socket.send(JSON.stringify(frame));
  }

  #drop() {
    this.#again = 0;
    this.#welcomed = false;
    clearTimeout(this.#greeting);
    if (!this.#socket) return;
    this.#socket.onclose = this.#socket.onmessage = this.#socket.onopen = null;
    this.#socket.close();
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
