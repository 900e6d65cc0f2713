/** Making nodes. Text only ever becomes text nodes: nothing here parses HTML. */

/** @typedef {Node | string | false | null | undefined} Child */
/** @typedef {{[name: `on${string}`]: (event: any) => any, [name: string]: any}} Props */

/** @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag @param {Props} props attributes, and listeners as `onclick` @param {...Child} children */
export function h(tag, props = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (typeof value === "function") node.addEventListener(name.slice(2), value);
    else if (value != null && value !== false) node.setAttribute(name, value === true ? "" : value);
  }
  return fill(node, ...children);
}

/** @template {Element} T @param {T} node @param {...Child} children */
export function fill(node, ...children) {
  node.replaceChildren(...children.filter((child) => child != null && child !== false));
  return node;
}

/** Change a text where it differs. @param {Element} node @param {string} text */
export function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Show a list; nodes of items that stay are kept, and brought up to date.
 * @template T @param {Element & {kept?: Map<string, any>}} parent @param {readonly T[]} items
 * @param {(item: T) => string} key @param {(item: T) => Element & {update?: (item: T) => void}} make */
export function list(parent, items, key, make) {
  const old = parent.kept ?? new Map();
  const nodes = items.map((item) => [key(item), old.get(key(item)) ?? make(item)]);
  parent.kept = new Map(/** @type {any} */ (nodes));
  for (const [name, node] of old) if (!parent.kept.has(name)) node.remove();
  let next = parent.firstChild;
  nodes.forEach(([, node], place) => {
    node.update?.(items[place]);
    if (node === next) next = node.nextSibling;
    else parent.insertBefore(node, next);
  });
}

/** @param {string} name */
export function icon(name) {
  const [svg, use] = ["svg", "use"].map((tag) => document.createElementNS("http://www.w3.org/2000/svg", tag));
  use.setAttribute("href", `app/icons.svg#${name}`);
  svg.ariaHidden = "true";
  svg.append(use);
  return svg;
}

/** @type {Record<string, number>} */
const HUES = { "bg-grayBlue": 245, "bg-purple": 305, "bg-green": 155, "bg-orange": 60, "bg-red": 22 };

/** Give a room or a person their hue. @template {HTMLElement} T @param {T} node @param {string} color */
export function paint(node, color) {
  const hash = [...color].reduce((sum, char) => (sum * 31 + (char.codePointAt(0) ?? 0)) % 3607, 7);
  node.style.setProperty("--h", `${HUES[color] ?? (hash * 137.5) % 360}`);
  node.style.setProperty("--v", color === "bg-grayBlue" ? ".4" : "1");
  return node;
}

/** A picture or initials, for the eye only. @param {{id?: string | null, name: string, avatar?: string | null}} person */
export function face({ id, name, avatar }) {
  const words = name.trim().split(/\s+/);
  const initials = [words[0], words.slice(1).at(-1) ?? ""].map((word) => [...new Intl.Segmenter().segment(word)][0]?.segment);
  const node = paint(h("span", { class: "face", "aria-hidden": "true" }, initials.join("").toUpperCase()), id || name);
  const url = URL.parse(avatar ?? "", location.href);
  if (avatar && (url?.protocol === "https:" || url?.origin === location.origin))
    node.append(h("img", { src: url.href, alt: "", referrerpolicy: "no-referrer", onerror: ({ target }) => target.remove() }));
  return node;
}

/** Text with its http and https addresses made links. @param {string} text */
export function linked(text) {
  return text.split(/(\bhttps?:\/\/(?:\([^\s()]*\)|[^\s<>"()\p{Cf}])+(?<![.,;:!?'’…\]}]))/giu).map((part, place) =>
    place % 2 && URL.canParse(part) ? h("a", { href: new URL(part).href, target: "_blank", rel: "noopener noreferrer" }, part) : part);
}

/** Have screen readers say something; of a burst, the beginning. @param {string} text */
export function say(text) {
  const live = document.getElementById("live");
  if (!live || live.childElementCount > 2) return;
  const line = h("p", {}, text.slice(0, 200));
  live.append(line);
  setTimeout(() => line.remove(), 3000);
}

/** @param {string} title @param {...Child} children */
export function dialog(title, ...children) {
  const node = h("dialog", { "aria-label": title, onclose: () => node.remove() }, h("h2", {}, title), ...children);
  document.body.append(node);
  node.showModal();
  return node;
}

/** @param {string} label @param {keyof HTMLElementTagNameMap} tag @param {Props} props @param {...Child} children */
export function field(label, tag, props, ...children) {
  return h("label", { class: "field" }, label, h(tag, props, ...children));
}

/** A form that says so where it doesn't work.
 * @param {string} label @param {(values: Record<string, string>) => Promise<any>} act @param {...Child} children */
export function form(label, act, ...children) {
  const trouble = h("p", { class: "trouble", role: "alert" });
  const button = h("button", { class: "main" }, label);
  const node = h("form", {
    async onsubmit(event) {
      event.preventDefault();
      button.disabled = true;
      const values = [...new FormData(node)].map(([name, value]) => [name, `${value}`.trim()]);
      await act(Object.fromEntries(values)).catch((error) => write(trouble, error.detail ?? "That did not work. Try again."));
      button.disabled = false;
    },
  }, ...children, trouble, button);
  return node;
}
