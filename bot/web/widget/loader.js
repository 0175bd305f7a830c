// The shop's page includes this file: a button, and the chat behind it in a frame of the desk's own.
(() => {
  const script = document.currentScript;
  const { origin } = new URL(script.src);
  const english = /^en/i.test(navigator.language);
  const words = english ? ["Chat with us", "Close chat", "unread"] : ["联系客服", "收起客服", "条未读"];
  let frame = null;
  let open = false;
  let unread = 0;

  const sheet = new CSSStyleSheet();
  sheet.replaceSync(`
    :host { all: initial; position: fixed; inset: auto 0 0 auto; z-index: 2147483000; }
    button {
      position: fixed; right: 24px; bottom: calc(24px + env(safe-area-inset-bottom)); width: 60px; height: 60px; padding: 0; border: 0;
      border-radius: 50%; cursor: pointer; color: #fff; background: #0f766e; box-shadow: 0 8px 24px #0b3b3659, 0 2px 6px #0003;
      transition: transform .15s, background .15s;
    }
    button:hover { background: #0b5f59; transform: translateY(-2px); }
    button:focus-visible { outline: 3px solid #fff; box-shadow: 0 0 0 6px #0f766e; }
    svg { width: 28px; height: 28px; display: block; margin: auto; fill: none; stroke: currentColor; stroke-width: 1.9; stroke-linecap: round; stroke-linejoin: round; }
    b {
      position: absolute; top: -3px; right: -3px; min-width: 22px; box-sizing: border-box; padding: 0 6px; border-radius: 11px;
      font: 600 12px/22px system-ui, sans-serif; background: #c2321f; color: #fff; box-shadow: 0 0 0 2px #fff;
    }
    iframe {
      position: fixed; right: 24px; bottom: calc(100px + env(safe-area-inset-bottom)); width: 400px; height: min(660px, 100vh - 124px);
      border: 0; border-radius: 20px; background: #f7f5f1; box-shadow: 0 24px 64px #0b2a2740, 0 4px 16px #0002;
    }
    [hidden] { display: none !important; }
    @media (prefers-color-scheme: dark) { iframe { background: #14191a; box-shadow: 0 24px 64px #000a, 0 0 0 1px #ffffff1a; } }
    @media (prefers-reduced-motion: reduce) { * { transition: none !important; } }
    @media (max-width: 480px) {
      button { right: 16px; bottom: calc(16px + env(safe-area-inset-bottom)); }
      iframe {
        inset: 0; width: 100%; height: 100%; border-radius: 0; box-sizing: border-box;
        padding: env(safe-area-inset-top) env(safe-area-inset-right) env(safe-area-inset-bottom) env(safe-area-inset-left);
      }
      .open { display: none; }
    }`);

  const host = document.createElement("div");
  const root = host.attachShadow({ mode: "open" });
  root.adoptedStyleSheets = [sheet];
  const button = root.appendChild(document.createElement("button"));
  button.type = "button";
  button.dataset.testid = "zhike-launcher";
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const path = svg.appendChild(document.createElementNS(svg.namespaceURI, "path"));
  svg.setAttribute("viewBox", "0 0 24 24");
  const badge = document.createElement("b");
  badge.dataset.testid = "unread";
  button.append(svg, badge);

  const tell = (zhike, value) => frame.contentWindow.postMessage({ zhike, value }, origin);

  function draw() {
    const count = unread > 99 ? "99+" : unread;
    path.setAttribute("d", open ? "m6 9 6 6 6-6" : "M12 3.5a8.5 8.5 0 0 0-7.3 12.8L3.5 20.5l4.2-1.2A8.5 8.5 0 1 0 12 3.5M8.5 12h.1M12 12h.1M15.5 12h.1");
    badge.hidden = open || !unread;
    badge.textContent = count;
    button.className = open ? "open" : "";
    button.ariaExpanded = open;
    button.ariaLabel = open ? words[1] : words[0] + (unread ? ` · ${count} ${words[2]}` : "");
  }

  function build() {
    frame = document.createElement("iframe");
    frame.dataset.testid = "zhike-frame";
    frame.title = words[0];
    frame.hidden = true;
    frame.onload = () => {
      const page = (location.origin + location.pathname).slice(0, 500);
      tell("init", { page, identity: script.dataset.identity ?? null, locale: navigator.language });
      tell("shown", open);
    };
    frame.src = `${origin}/widget/frame`;
    root.append(frame);
  }

  function show(on) {
    if (!frame) build();
    open = on;
    frame.hidden = !on;
    fit();
    draw();
    tell("shown", on);
    (on ? frame : button).focus();
  }

  // A phone's keyboard covers the page instead of making it smaller; and the page behind must not scroll along.
  const screen = window.visualViewport;
  function fit() {
    const full = open && matchMedia("(max-width: 480px)").matches;
    document.documentElement.style.overflow = full ? "hidden" : "";
    frame.style.height = full && screen ? `${screen.height}px` : "";
    frame.style.top = full && screen ? `${screen.offsetTop}px` : "";
  }
  screen?.addEventListener("resize", () => frame && fit());

  button.onclick = () => show(!open);
  addEventListener("message", ({ source, origin: from, data }) => {
    if (from !== origin || source !== frame?.contentWindow) return;
    if (data.zhike === "hide") show(false);
    if (data.zhike === "agreed") sessionStorage.zhike = "agreed";
    if (data.zhike === "unread") {
      unread = data.value;
      draw();
    }
  });
  draw();
  document.body.append(host);
  // Whoever is talking to us already hears of answers on the shop's other pages too.
  if (sessionStorage.zhike) build();
})();
