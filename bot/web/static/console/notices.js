const KEY = "zhike.notices";
const KINDS = { escalation: "新的转接", reply: "顾客回复", promise: "承诺快到时间" };
const box = document.getElementById("notices");
const toasts = document.getElementById("toasts");
const chosen = { escalation: true, reply: true, promise: true, sound: true, desktop: false, ...JSON.parse(localStorage[KEY] ?? "{}") };
let audio;

for (const input of box.querySelectorAll("input")) {
  input.checked = chosen[input.name];
  input.onchange = async () => {
    if (input.name === "desktop" && input.checked) input.checked = (await globalThis.Notification?.requestPermission()) === "granted";
    chosen[input.name] = input.checked;
    localStorage[KEY] = JSON.stringify(chosen);
    if (input.name === "sound" && input.checked) beep();
  };
}

// a browser lets a page make sounds once it has been touched
addEventListener("pointerdown", ready, { once: true });
addEventListener("keydown", ready, { once: true });

function ready() {
  audio ??= new AudioContext();
  audio.resume();
}

function beep() {
  if (audio?.state !== "running") return;
  const volume = new GainNode(audio, { gain: 0.08 });
  volume.connect(audio.destination);
  [660, 880].forEach((frequency, number) => {
    const tone = new OscillatorNode(audio, { frequency });
    const start = audio.currentTime + number * 0.14;
    tone.connect(volume);
    tone.start(start);
    tone.stop(start + 0.12);
  });
}

/** Tell the agent what needs looking at; `open(conversation)` is called when it is chosen. */
export function notify({ kind, title, conversation }, open) {
  if (!chosen[kind]) return;
  if (chosen.sound) beep();
  if (chosen.desktop && document.hidden && globalThis.Notification?.permission === "granted") {
    const notice = new Notification(KINDS[kind], { body: title, tag: kind + conversation });
    notice.onclick = () => {
      focus();
      notice.close();
      open(conversation);
    };
  }
  toast(`${KINDS[kind]}：${title}`, kind, () => open(conversation));
}

/** A few words that go by themselves; `act` makes them a button. */
export function toast(words, kind = "problem", act = null) {
  const item = document.createElement(act ? "button" : "p");
  item.className = `toast ${kind}`;
  item.textContent = words;
  const gone = () => item.remove();
  if (act) {
    item.type = "button";
    item.onclick = () => {
      gone();
      act();
    };
  }
  while (toasts.children.length > 2) toasts.firstChild.remove();
  toasts.append(item);
  setTimeout(gone, 8000);
}
