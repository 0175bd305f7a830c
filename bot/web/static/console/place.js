export const $ = (id) => document.getElementById(id);

const fragment = (html) => {
  const template = document.createElement("template");
  template.innerHTML = html; // made by the server, where everything that people typed was escaped
  return template.content;
};

/** How frames change the page. */
export const changes = {
  /** What was unfolded or had the focus still is, where it is still there. */
  swap({ target, html }) {
    const place = $(target);
    if (!place) return;
    const fresh = fragment(html);
    for (const each of place.querySelectorAll("details[open]")) twin(each, fresh)?.setAttribute("open", "");
    const focused = place.contains(document.activeElement) && document.activeElement;
    place.replaceChildren(fresh);
    if (focused) twin(focused, place)?.focus();
  },

  append({ target, html }) {
    const added = fragment(html);
    for (const child of added.children) if (child.id) $(child.id)?.remove();
    $(target)?.append(added);
  },

  prepend({ target, html }) {
    $(target)?.prepend(fragment(html));
  },

  remove({ target }) {
    $(target)?.remove();
  },

  /** One of a list: instead of the one with its id, in the order of keys (or behind `after`). */
  place({ target, html, after, add = true }) {
    const list = $(target);
    const item = fragment(html).firstElementChild;
    const old = $(item.id);
    if (!list || (!old && !add)) return;
    const { key } = item.dataset;
    if (old && (key === undefined || old.dataset.key === key)) {
      keepOpen(old, item);
      old.replaceWith(item);
    } else if (key === undefined) {
      if ($(after)?.parentElement === list) $(after).after(item);
      else list.append(item);
    } else {
      const focused = old?.contains(document.activeElement);
      old?.remove();
      const next = [...list.children].find((each) => each.dataset.key > key);
      // behind the last row that is shown there may be others, which come with "more"
      if (next || !$("more").firstElementChild) list.insertBefore(item, next ?? null);
      if (focused) item.querySelector("a")?.focus();
    }
  },
};

/** The element of the same kind, in the same item, that leads to the same conversation or says the same. */
function twin(element, place) {
  const known = (each) => [each.closest("li[id]")?.id, each.dataset.open ?? (each.querySelector("summary") ?? each).textContent].join();
  const wanted = known(element);
  return [...place.querySelectorAll(element.tagName)].find((each) => known(each) === wanted);
}

function keepOpen(old, item) {
  old.querySelectorAll("details").forEach((each, number) => {
    const twin = item.querySelectorAll("details")[number];
    if (twin) twin.open = each.open;
  });
  if (old.contains(document.activeElement)) queueMicrotask(() => item.querySelector("a, summary")?.focus());
}
