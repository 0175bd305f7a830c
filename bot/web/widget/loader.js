(() => {
  const script = document.currentScript;
  const { origin } = new URL(script.src);
  const english = /^en/i.test(navigator.language);
  const small = matchMedia("(max-width: 480px)");
  const screen = visualViewport;
  let frame, open, unread;
  let tell = () => {};

  const sheet = new CSSStyleSheet();
  sheet.replaceSync(`
    button, iframe { position: fixed; z-index: 2147483000; right: 24px; border: 0; box-shadow: 0 8px 32px #0006, 0 0 0 1px #8883; }
    button { bottom: 24px; width: 60px; height: 60px; padding: 0; border-radius: 50%; cursor: pointer; color: #fff; background: #0f766e; }
    button:focus-visible { outline: 3px solid #0f766e; outline-offset: 3px; }
    svg { width: 28px; vertical-align: middle; fill: none; stroke: currentColor; stroke-width: 2; stroke-linecap: round; stroke-linejoin: round; }
    b { position: absolute; top: -3px; right: -3px; padding: 0 8px; border-radius: 11px; font: 600 12px/22px system-ui; background: #b3261e; }
    iframe { bottom: 100px; width: 400px; height: min(660px, 100vh - 124px); border-radius: 20px; background: #0f766e; }
    [hidden] { display: none; }
    @media (max-width: 480px) {
      .open { display: none; }
      iframe {
        inset: 0; box-sizing: border-box; width: 100%; height: 100%; border-radius: 0;
        padding: env(safe-area-inset-top) 0 env(safe-area-inset-bottom);
      }
    }`);
  const host = document.createElement("div");
  const root = host.attachShadow({ mode: "open" });
  root.adoptedStyleSheets = [sheet];
  const add = (parent, element, testid) => {
    if (testid) element.dataset.testid = testid;
    return parent.appendChild(element);
  };
  const button = add(root, document.createElement("button"), "zhike-launcher");
  const badge = add(button, document.createElement("b"), "unread");
  const svg = add(button, document.createElementNS("http://www.w3.org/2000/svg", "svg"));
  const path = add(svg, document.createElementNS(svg.namespaceURI, "path"));
  svg.setAttribute("viewBox", "0 0 24 24");

  function draw() {
    path.setAttribute("d", open ? "m6 9 6 6 6-6" : "M12 4a8 8 0 0 0-7 12l-1 4 4-1A8 8 0 1 0 12 4M8 12h.1M12 12h.1M16 12h.1");
    badge.hidden = open || !unread;
    badge.textContent = unread;
    button.className = open ? "open" : "";
    button.ariaExpanded = !!open;
    button.ariaLabel = (english ? "Chat with us" : "联系客服") + (unread ? ` (${unread})` : "");
  }

  function build() {
    frame = document.createElement("iframe");
    frame.title = english ? "Chat" : "在线客服";
    frame.hidden = true;
    frame.src = `${origin}/widget/frame`;
    frame.onload = () => {
      tell = (zhike, value) => frame.contentWindow.postMessage({ zhike, value }, origin);
      const { identity = null } = script.dataset;
      tell("init", { identity, locale: navigator.language, page: (location.origin + location.pathname).slice(0, 500) });
      tell("shown", open);
    };
    add(root, frame, "zhike-frame");
  }

  // a phone's keyboard covers the page
  function fit() {
    const full = open && small.matches;
    document.documentElement.style.overflow = full ? "hidden" : "";
    frame.style.height = full ? `${screen.height}px` : "";
    frame.style.top = full ? `${screen.offsetTop}px` : "";
  }

  function show(on) {
    if (!frame) build();
    open = on;
    frame.hidden = !on;
    screen.onresize = screen.onscroll = fit;
    fit();
    draw();
    tell("shown", on);
    (on ? frame : button).focus();
  }

  button.onclick = () => show(!open);
  addEventListener("message", ({ source, origin: from, data }) => {
    if (from !== origin || source !== frame?.contentWindow) return;
    if (data.zhike === "hide") show(false);
    if (data.zhike === "agreed") localStorage.zhike = Date.now();
    if (data.zhike !== "unread") return;
    unread = data.value;
    draw();
  });
  draw();
  document.body.append(host);
  // whoever chatted within the last month may have got an answer since
  if (Date.now() - localStorage.zhike < 2.6e9) build();
})();
