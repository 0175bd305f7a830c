const SILENCE = 25_000; // ms: the server says something every ten seconds
const LONGEST_PAUSE = 10_000; // ms

export const newId = () => crypto.randomUUID?.() ?? String(crypto.getRandomValues(new Uint32Array(4))).replaceAll(",", "-");

/** The socket. `on` is told frame(frame), link(online), gone(code). */
export class Link {
  #hello;
  #on;
  #socket;
  #greeted = false;
  #losses = 0;
  #timer;
  #waiting = new Map();

  constructor(hello, on) {
    this.#hello = hello;
    this.#on = on;
    addEventListener("online", () => this.#lost());
    addEventListener("offline", () => this.#lost());
    addEventListener("pagehide", () => this.#socket?.close());
    this.#start();
  }

  #start() {
    const socket = (this.#socket = new WebSocket(location.origin.replace("http", "ws") + "/agent/ws"));
    this.#listen();
    socket.onopen = () => socket.send(JSON.stringify(this.#hello()));
    socket.onclose = ({ code }) => {
      if (socket !== this.#socket) return;
      if (code >= 4400) this.#on.gone(code);
      else this.#lost();
    };
    socket.onmessage = ({ data }) => socket === this.#socket && this.#receive(JSON.parse(data));
  }

  #listen() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#lost(), SILENCE);
  }

  #receive(frame) {
    this.#listen();
    if (frame.type === "welcome") {
      this.#greeted = true;
      this.#losses = 0;
      this.#on.link(true);
      for (const { frame: again } of this.#waiting.values()) this.#socket.send(JSON.stringify(again));
    }
    const waiting = this.#waiting.get(frame.id);
    if (waiting && (frame.type === "done" || frame.type === "problem")) {
      this.#waiting.delete(frame.id);
      waiting.settle(frame.type === "problem" ? frame.message : null);
    } else this.#on.frame(frame);
  }

  /** Send a frame if there is a connection; whether there was one. */
  send(frame) {
    if (this.#greeted) this.#socket.send(JSON.stringify(frame));
    return this.#greeted;
  }

  /** Send a frame that is answered; resolves to what was wrong, or null. One that may be `again` is sent after a lost connection, too. */
  ask(frame, again = false) {
    const asked = { id: newId(), ...frame };
    return new Promise((settle) => {
      if (!this.send(asked) && !again) settle("现在没有连接，请稍后再试");
      else this.#waiting.set(asked.id, { frame: asked, again, settle });
    });
  }

  #lost() {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
    this.#greeted = false;
    for (const [id, { again, settle }] of this.#waiting) {
      if (again) continue;
      this.#waiting.delete(id);
      settle("连接中断了，请看看操作是否已经完成");
    }
    this.#on.link(false);
    const pause = Math.min(LONGEST_PAUSE, 500 * 2 ** this.#losses++) * (0.5 + Math.random() / 2);
    this.#timer = setTimeout(() => this.#start(), pause);
  }
}
