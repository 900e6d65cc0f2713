import assert from "node:assert/strict";
import { test } from "node:test";

import { linked, sentence } from "../../web/app/chat.js";
import { fill, isEmoji } from "../../web/app/dom.js";

/** An element as far as the page makes it: what it shows is `text`. */
class Element {
  attributes = {};
  setAttribute(name, value) {
    this.attributes[name] = value;
  }
  replaceChildren(...children) {
    this.children = children;
  }
  get text() {
    return this.children.map((child) => child.text ?? child).join("");
  }
}
globalThis.document = { createElement: (tag) => Object.assign(new Element(), { tag }) };

/** What a message shows. Links are `[text](address)`. No text around a link turns it round: it is isolated. */
function show(text) {
  const links = linked(text).filter(({ tag }) => tag);
  for (const { children } of links) assert.deepEqual(children.map(({ tag, attributes }) => [tag, attributes?.dir]), [["bdi", "ltr"]]);
  return linked(text).map((part) => (part.tag ? `[${part.text}](${part.attributes.href})` : part)).join("");
}

for (const [text, shown = text] of [
  ["See https://example.com/a?b=(c)#d, or (http://example.com).", "See [https://example.com/a?b=(c)#d](https://example.com/a?b=(c)#d), or ([http://example.com](http://example.com/))."],
  ["HTTPS://Example.COM:443/Tea", "[HTTPS://Example.COM:443/Tea](https://example.com/Tea)"],
  ["https://my-bank.example@evil.example/", "[https://evil.example/](https://evil.example/)"],
  ["https://:my-bank.example@evil.example/", "[https://evil.example/](https://evil.example/)"],
  ["https://my-bank.example\\@evil.example/", "[https://my-bank.example\\@evil.example/](https://my-bank.example/@evil.example/)"],
  ["https://\u0430pple.com/", "[https://xn--pple-43d.com/](https://xn--pple-43d.com/)"],
  ["https://%65vil.example", "[https://evil.example/](https://evil.example/)"],
  ["https://my-bank.example\u3002evil.example/", "[https://my-bank.example.evil.example/](https://my-bank.example.evil.example/)"],
  ["https://2130706433/", "[https://127.0.0.1/](https://127.0.0.1/)"],
  ["https://example.com\u202e/moc.knab", "[https://example.com](https://example.com/)\u202e/moc.knab"],
  ["https://[::::/"],
  ["javascript:alert(1) data:text/html,x ftp://example.com"],
])
  test(`a link shows the host that it opens: ${JSON.stringify(text)}`.slice(0, 60), () => assert.equal(show(text), shown));

for (const [text, event, name] of [
  ["Ben left the room", { name: "Ben" }, "Ben"],
  ["Ada was removed. Ben joined the room", { name: "Ada was removed. Ben" }, "Ada was removed. Ben"],
  ["Ada left the room joined the room", undefined, "Ada left the room"],
  ["The room is locked", { name: "Ben" }, ""],
  ["The room is locked", null, ""],
])
  test(`the name stands out in: ${text}`, () => {
    const { children, text: shown } = sentence({ text, event });
    assert.deepEqual([children[0].text, shown], [name, text]);
  });

for (const [emoji, is] of [
  ["🎉", true], ["❤️", true], ["❤", true], ["👍🏽👍🏽", true], ["👩‍👩‍👧‍👦", true], ["🏴󠁧󠁢󠁥󠁮󠁧󠁿🇫🇮", true], ["1️⃣", false],
  ["📞555123456", false], ["5551234", false], ["YOUR SESSION HAS EXPIRED", false], ["🎉".repeat(11), false], ["🎉 ", false], ["", false],
])
  test(`${JSON.stringify(emoji)} may ${is ? "" : "not "}float`, () => assert.equal(isEmoji(emoji), is));

test("at most eight marks on a character are shown", () => {
  const shown = (text) => fill(new Element(), text).text;
  assert.equal(shown("a" + "\u0301".repeat(3000) + "b"), "a" + "\u0301".repeat(8) + "b");
  assert.equal(shown("a" + "\u0301\u200d".repeat(3000)), "a" + "\u0301\u200d".repeat(4));
  assert.equal(shown("👩‍👩‍👧‍👦🏴󠁧󠁢󠁥󠁮󠁧󠁿שָׁלוֹם"), "👩‍👩‍👧‍👦🏴󠁧󠁢󠁥󠁮󠁧󠁿שָׁלוֹם");
});
