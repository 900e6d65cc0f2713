/** Making nodes. Text only ever becomes text nodes: nothing in this page parses HTML. @module */

/** @typedef {Node | string | false | null | undefined} Child */

/** An element: attributes by name, listeners as `onclick` and so on.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag @param {Record<string, any>} [props] @param {...Child} children
 * @returns {HTMLElementTagNameMap[T]} */
export function h(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else set(node, name, value);
  }
  fill(node, ...children);
  return node;
}

/** Set an attribute, or remove it, and only where that changes something.
 * @param {Element} node @param {string} name @param {string | number | boolean | null | undefined} value */
export function set(node, name, value) {
  if (value === false || value == null) node.removeAttribute(name);
  else {
    const text = value === true ? "" : String(value);
    if (node.getAttribute(name) !== text) node.setAttribute(name, text);
  }
}

/** @param {Element} node @param {...Child} children */
export function fill(node, ...children) {
  node.replaceChildren(.../** @type {(Node | string)[]} */ (children.filter((child) => child || child === "")));
}

/** @param {Element} node @param {string} text */
export function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Make the children of a node be those of a list, and leave those alone that stay.
 * @template T
 * @param {Element & {kept?: Map<string, any>}} parent @param {readonly T[]} items
 * @param {(item: T) => string} name @param {(item: T) => Element & {update?: (item: T) => void}} make */
export function list(parent, items, name, make) {
  const old = parent.kept ?? new Map();
  const kept = (parent.kept = new Map());
  for (const item of items) kept.set(name(item), old.get(name(item)) ?? make(item));
  for (const [key, node] of old) if (!kept.has(key)) node.remove();
  let /** @type {ChildNode | null} */ next = parent.firstChild;
  for (const item of items) {
    const node = kept.get(name(item));
    node.update?.(item);
    if (node === next) next = node.nextSibling;
    else parent.insertBefore(node, next);
  }
}

/** @param {string} name */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS(svg.namespaceURI, "use");
  set(use, "href", `#${name}`);
  set(svg, "aria-hidden", "true");
  svg.append(use);
  return /** @type {SVGElement} */ (svg);
}

const HUES = /** @type {Record<string, number>} */ ({
  "bg-grayBlue": 245, "bg-purple": 305, "bg-green": 155, "bg-orange": 60, "bg-red": 22,
});

/** Paint in a room's colour, or a person's: a name that isn't known gets a hue of its own.
 * @template {HTMLElement} T @param {T} node @param {string} color */
export function paint(node, color) {
  let hash = 7;
  for (const char of color) hash = (hash * 31 + (char.codePointAt(0) ?? 0)) % 3600;
  node.style.setProperty("--hue", String(HUES[color] ?? hash / 10));
  node.style.setProperty("--vivid", color === "bg-grayBlue" ? "0.4" : "1");
  return node;
}

const letters = new Intl.Segmenter();

/** A picture of somebody, or their initials. It says nothing to screen readers: the name stands beside it.
 * @param {{id?: string | null, name: string, avatar?: string | null}} person */
export function face({ id, name, avatar }) {
  const words = name.trim().split(/\s+/);
  const initials = [words[0], words.length > 1 && words[words.length - 1]].map(
    (word) => [...letters.segment(word || "")][0]?.segment ?? "",
  );
  const node = paint(h("span", { class: "face", "aria-hidden": "true" }, initials.join("").toUpperCase()), id || name);
  const url = avatar && URL.canParse(avatar, location.href) && new URL(avatar, location.href);
  if (url && (url.protocol === "https:" || url.origin === location.origin)) {
    const image = h("img", { alt: "", referrerpolicy: "no-referrer", onerror: () => image.remove() });
    image.src = url.href;
    node.append(image);
  }
  return node;
}

/** Text, with links where it holds http and https addresses. @param {string} text */
export function linked(text) {
  /** @type {(Node | string)[]} */
  const parts = [];
  let done = 0;
  for (const { 0: found, index } of text.matchAll(/\bhttps?:\/\/[^\s<>"\p{Cf}]+/giu)) {
    const address = found.replace(found.includes("(") ? /[.,;:!?'…]+$/ : /[.,;:!?'…)\]}]+$/, "");
    if (!URL.canParse(address)) continue;
    const href = new URL(address).href;
    parts.push(text.slice(done, index), h("a", { href, target: "_blank", rel: "noopener noreferrer nofollow" }, address));
    done = index + address.length;
  }
  return [...parts, text.slice(done)];
}

/** @type {string[]} */
let waiting = [];

/** Have a screen reader say something, politely; what comes in a burst is said together. @param {string} text */
export function say(text) {
  if (!waiting.length) {
    setTimeout(() => {
      const more = waiting.length - 3;
      const lines = more > 0 ? [...waiting.slice(0, 3), `and ${more} more`] : waiting;
      fill(/** @type {Element} */ (document.getElementById("say")), lines.join(". "));
      waiting = [];
    }, 400);
  }
  waiting.push(text.slice(0, 200));
}

/** A dialog that is there until it is closed. @param {string} title @param {...Child} children */
export function dialog(title, ...children) {
  const node = h("dialog", { "aria-label": title, onclose: () => node.remove() }, h("h2", {}, title), ...children);
  node.addEventListener("click", (event) => event.target === node && node.close());
  document.body.append(node);
  node.showModal();
  return node;
}

/** A labelled field. @param {string} label @param {Element} control @param {string} [hint] */
export function field(label, control, hint) {
  return h("label", { class: "field" }, h("span", {}, label, hint && h("small", {}, ` ${hint}`)), control);
}
