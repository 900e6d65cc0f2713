/** Functions that make nodes. A text becomes a text node: nothing here parses HTML. */

/** @type {Make} */
export const h = (kind, ...children) => {
  const props = children[0]?.constructor === Object ? /** @type {Props} */ (children.shift()) : {};
  const [tag, look] = kind.split(".");
  const node = /** @type {any} */ (document.createElement(tag));
  if (look) node.className = look;
  for (const [name, value] of Object.entries(props)) {
    if (typeof value === "function") node.addEventListener(name.slice(2), value);
    else if (value != null && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  return fill(node, .../** @type {Child[]} */ (children));
};

/** Marks on a character, and characters that can't be seen: eight are shown. More would cover the lines above. */
const clip = (/** @type {string} */ text) => text.replace(/([\p{M}\p{Cf}]{8})[\p{M}\p{Cf}]+/gu, "$1");

/** @type {Fill} */
export const fill = (parent, ...children) => {
  const shown = /** @type {any[]} */ (children.filter(Boolean));
  parent.replaceChildren(...shown.map((child) => (child.replace ? clip(child) : child)));
  return parent;
};

/** Set the text of a node, if it differs. */
export function write(/** @type {Node} */ node, /** @type {string} */ text) {
  const shown = clip(text);
  if (node.textContent !== shown) node.textContent = shown;
}

/** Whether a text has only emoji and their parts, without digits: ten code points at most. */
export const isEmoji = (/** @type {string} */ text) => /^[[\p{ExtPict}\p{EComp}]--[\d#*]]{1,10}$/v.test(text);

/** @type {ShowList} */
export const list = (parent, items, key, make) => {
  const old = parent.kept;
  const kept = (parent.kept = new Map(items.map((item) => [key(item), old?.get(key(item)) ?? make(item)])));
  old?.forEach((node, name) => kept.has(name) || node.remove());
  let next = parent.firstChild;
  for (const item of items) {
    const node = /** @type {Row<any>} */ (kept.get(key(item)));
    node.update?.(item);
    if (node === next) next = node.nextSibling;
    else parent.insertBefore(node, next);
  }
};

export const button = (/** @type {string} */ label, /** @type {(event: any) => any} */ onclick, look = "") => h(`button.${look}`, { onclick }, label);

export function icon(/** @type {string} */ name) {
  const [svg, use] = ["svg", "use"].map((tag) => document.createElementNS("http://www.w3.org/2000/svg", tag));
  use.setAttribute("href", `app/icons.svg#${name}`);
  svg.ariaHidden = "true";
  svg.append(use);
  return svg;
}

/** The colours of rooms: label and hue. @type {Record<string, [string, number]>} */
export const COLORS = { "bg-grayBlue": ["Blue", 245], "bg-purple": ["Purple", 305], "bg-green": ["Green", 155], "bg-orange": ["Orange", 60], "bg-red": ["Red", 22] };

/** @type {Paint} */
export const paint = (node, color) => {
  const hash = [...color].reduce((sum, char) => (sum * 31 + char.charCodeAt(0)) % 3607, 7);
  node.style.setProperty("--h", `${COLORS[color]?.[1] ?? (hash * 137.5) % 360}`);
  return node;
};

/** @type {MakeFace} */
export const face = ({ id, name, avatar }) => {
  const words = name.trim().split(/\s+/);
  const initials = [words[0], words.slice(1).at(-1) ?? ""].map((word) => [...new Intl.Segmenter().segment(word)][0]?.segment);
  const node = paint(h("span.face", { "aria-hidden": "true" }, initials.join("").toUpperCase()), id || name);
  const url = URL.parse(avatar ?? "", location.href);
  if (avatar && (url?.protocol === "https:" || url?.origin === location.origin))
    node.append(h("img", { src: url.href, alt: "", referrerpolicy: "no-referrer", onerror: ({ target }) => target.remove() }));
  return node;
};

/** Let screen readers say a text. If three texts are waiting, a further text is dropped. */
export function say(/** @type {string} */ text) {
  const live = document.getElementById("live");
  if (!live || live.childElementCount > 2) return;
  const line = h("p", text.slice(0, 200));
  live.append(line);
  setTimeout(() => line.remove(), 3000);
}

/** The sentence to show for an error: the service's, but no text of a proxy or of the browser. */
export const explain = (/** @type {{code?: string, detail?: string}} */ { code, detail }) =>
  detail && !code?.startsWith("http") ? detail : "Something went wrong. Try again.";

/** @type {ShowDialog} */
export const dialog = (title, ...children) => {
  const node = h("dialog", { "aria-label": title, onclose: () => node.remove() }, h("h2", title), ...children);
  document.body.append(node);
  node.showModal();
  return node;
};

/** A button that closes its dialog. */
export const done = (label = "Done") => h("form", { method: "dialog" }, h("button", label));

/** @type {MakeField} */
export const field = (label, tag, props, ...children) => h("label.field", label, h(tag, props, ...children));

/** @type {MakeForm} */
export const form = (label, act, ...fields) => {
  const trouble = h("p.trouble", { role: "alert" });
  const button = h("button.main", label);
  const onsubmit = async (/** @type {Event} */ event) => {
    event.preventDefault();
    button.disabled = true;
    const values = [...new FormData(node)].map(([name, value]) => [name, `${value}`.trim()]);
    await act(Object.fromEntries(values)).catch((error) => write(trouble, explain(error)));
    button.disabled = false;
  };
  const node = h("form", { onsubmit }, ...fields, trouble, button);
  return node;
};
