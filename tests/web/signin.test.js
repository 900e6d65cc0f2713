import assert from "node:assert/strict";
import { beforeEach, mock, test } from "node:test";

import { createSignIn } from "../../web/app/signin.js";

const SETTINGS = { kind: "oidc", authorizationEndpoint: "https://id.example/authorize", tokenEndpoint: "https://id.example/token", clientId: "page" };
const EXPIRED = { code: "unauthorized", status: 401 };
const MINUTE = 60_000;

/** An OpenID provider: its tokens live for an hour, and its refresh tokens work once. */
let provider;
let warnings;

class Storage {
  items = {};
  getItem = (name) => this.items[name] ?? null;
  setItem = (name, value) => (this.items[name] = value);
}

/** Load the page, at this address. The tab keeps its storage. */
function load(search = "") {
  Object.assign(globalThis, {
    location: { origin: "https://rooms.example", pathname: "/", search, hash: "#/rooms/1", assign: (url) => (provider.asked = new URL(url)) },
    history: { replaceState: (state, title, url) => (location.shown = url) },
  });
  return createSignIn(SETTINGS, () => warnings++);
}

/** Sign in: to the provider and back. */
async function signIn() {
  await load().start({});
  const page = load(`?code=1&state=${provider.asked.searchParams.get("state")}`);
  assert.equal(await page.ready(), true);
  return page;
}

/** Let time pass. Timers run, and so does what they start. */
async function pass(milliseconds) {
  for (let left = milliseconds; left > 0; left -= MINUTE) {
    mock.timers.tick(Math.min(left, MINUTE));
    for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  }
}

beforeEach(() => {
  mock.timers.reset();
  mock.timers.enable({ apis: ["setTimeout", "Date"], now: 1_800_000_000_000 });
  warnings = 0;
  provider = { tokens: 0, requests: [], good: "refresh 0", refreshes: true, status: 200 };
  globalThis.sessionStorage = new Storage();
  globalThis.fetch = async (url, { body }) => {
    const form = Object.fromEntries(body);
    provider.requests.push(form.grant_type);
    if (provider.status !== 200) return { ok: false, status: provider.status };
    if (form.grant_type === "refresh_token" && form.refresh_token !== provider.good) return { ok: false, status: 400 };
    provider.good = `refresh ${++provider.tokens}`;
    const issued = { access_token: `token ${provider.tokens}`, expires_in: 3600, ...(provider.refreshes && { refresh_token: provider.good }) };
    return { ok: true, status: 200, json: async () => issued };
  };
});

test("a token is refreshed before it ends, all day", async () => {
  const page = await signIn();
  for (const hour of [1, 2, 3, 4, 5, 6, 7, 8]) {
    await pass(60 * MINUTE);
    assert.equal(await page.token({ fresh: false }), `token ${1 + Math.floor((hour * 60) / 45)}`);
  }
  assert.equal(warnings, 0);
});

test("requests at the same time share one refresh", async () => {
  const page = await signIn();
  const tokens = await Promise.all([1, 2, 3].map(() => page.token({ fresh: true })));
  assert.deepEqual([tokens, provider.requests.length], [["token 2", "token 2", "token 2"], 2]);
  assert.equal(await page.token({ fresh: true }), "token 3");
});

test("refresh tokens are never stored", async () => {
  await signIn();
  assert.doesNotMatch(JSON.stringify(sessionStorage.items), /refresh/);
});

test("without a refresh token the page warns, and then asks to sign in", async () => {
  provider.refreshes = false;
  const page = await signIn();
  await pass(44 * MINUTE);
  assert.equal(warnings, 0);
  await pass(2 * MINUTE);
  assert.deepEqual([warnings, await page.token({ fresh: false })], [1, "token 1"]);
  await pass(15 * MINUTE);
  await assert.rejects(page.token({ fresh: false }), EXPIRED);
  assert.equal(await load().ready(), false);
});

test("after a reload the page warns in time", async () => {
  await signIn();
  await pass(10 * MINUTE);
  const page = load();
  assert.equal(await page.ready(), true);
  await pass(36 * MINUTE);
  assert.deepEqual([warnings, await page.token({ fresh: false })], [1, "token 1"]);
});

test("a refused refresh token ends the session, with a warning", async () => {
  const page = await signIn();
  provider.good = "revoked";
  await pass(46 * MINUTE);
  assert.deepEqual([warnings, await page.token({ fresh: false })], [1, "token 1"]);
  await assert.rejects(page.token({ fresh: true }), EXPIRED);
});

test("a provider that is down for a while ends no session", async () => {
  const page = await signIn();
  provider.status = 503;
  await pass(70 * MINUTE);
  await assert.rejects(page.token({ fresh: false }), (error) => !error.code);
  provider.status = 200;
  await pass(MINUTE);
  assert.deepEqual([warnings, await page.token({ fresh: false })], [0, "token 2"]);
});

for (const [what, search] of [
  ["another state", "?state=zzz&code=1"],
  ["an error", "?state=zzz&error_description=Your account was suspended"],
])
  test(`an answer with ${what} changes nothing for a user who is signed in`, async () => {
    await signIn();
    const page = load(search);
    assert.deepEqual([await page.ready(), location.shown], [true, "https://rooms.example/#/rooms/1"]);
    assert.equal(await page.token({ fresh: false }), "token 1");
  });
