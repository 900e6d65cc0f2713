import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { mock, test } from "node:test";
import React, { StrictMode, createElement } from "react";
import { act, create } from "react-test-renderer";

import { Service } from "./fakes.js";

globalThis.IS_REACT_ACT_ENVIRONMENT = true;
mock.method(console, "error", () => {}); // the test renderer says that it is deprecated

/** What a server renders first: the results of the third argument of `useSyncExternalStore`. */
const onServer = [];
const react = {
  ...React,
  useSyncExternalStore(subscribe, getState, getServerState) {
    onServer.push(getServerState());
    return React.useSyncExternalStore(subscribe, getState, getServerState);
  },
};

/** The hook of docs/sdk.md. */
const [, code] = /## React\n[^]*?```js\n([^]*?)```/.exec(readFileSync("../../docs/sdk.md", "utf8"));
const useRoom = new Function("React", code.replace(/import (\{.*\}) from "react";/, "const $1 = React;").replace("export function", "return function"))(react);

/** Show a room as a text, as an application in development does. */
async function show(service, shown) {
  const { coworking } = service.client("ada");
  function Page() {
    const { state, error } = useRoom(coworking, "room");
    shown.push(error?.code ?? state?.connection ?? "entering");
    return null;
  }
  let page;
  await act(async () => (page = create(createElement(StrictMode, null, createElement(Page)))));
  const pass = (time) => act(() => service.clock.pass(time));
  const close = () => act(async () => page.unmount());
  return { pass, close };
}

for (const [what, time] of [["is there", 1_000], ["is still entering", 10], ["has just taken the seat", 30]])
  test(`a component that ${what} leaves nothing behind`, async () => {
    const service = new Service();
    const { pass, close } = await show(service, []);
    await pass(time);
    await close();
    await pass(60_000);
    assert.deepEqual([service.connections.length, service.seats.size], [0, 0]);
  });

test("a component shows the room, with one seat and one connection", async () => {
  const service = new Service();
  const shown = [];
  const { pass, close } = await show(service, shown);
  await pass(1_000);
  assert.deepEqual([shown[0], shown.at(-1)], ["entering", "live"]);
  assert.deepEqual([service.paths.filter((path) => path === "/join").length, service.connections.length], [1, 1]);
  assert.equal(onServer[0], undefined);
  await close();
  await pass(1_000);
});

test("a component shows why the room can't be entered", async () => {
  const service = new Service();
  service.intercept = () => Response.json({ code: "room_full", detail: "Room is full" }, { status: 409 });
  const shown = [];
  const { pass } = await show(service, shown);
  await pass(1_000);
  assert.equal(shown.at(-1), "room_full");
});
