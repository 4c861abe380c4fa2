import { expect, test } from "bun:test";
import { WAITING_MAX, WaitingRoom } from "./hold.ts";

const never = new AbortController().signal;
const LONG_MS = 60_000;

test("who waits is woken by its own name", async () => {
  const room = new WaitingRoom();
  const done: string[] = [];
  const a = room.wait("a", LONG_MS, never).then(() => done.push("a"));
  const b = room.wait("b", LONG_MS, never).then(() => done.push("b"));
  room.call("b");
  await b;
  expect(done).toEqual(["b"]);
  room.call("a");
  await a;
  expect(room.waiting).toBe(0);
});

test("a call without a name wakes everyone", async () => {
  const room = new WaitingRoom();
  const all = ["a", "a", "b"].map((key) => room.wait(key, LONG_MS, never));
  room.call();
  await Promise.all(all);
  expect(room.waiting).toBe(0);
});

test("an asker who hangs up waits no longer", async () => {
  const room = new WaitingRoom();
  const abort = new AbortController();
  const gone = room.wait("a", LONG_MS, abort.signal);
  abort.abort();
  await gone;
  expect(room.waiting).toBe(0);
});

test("the time ends a wait", async () => {
  const room = new WaitingRoom();
  await room.wait("a", 1, never);
  expect(room.waiting).toBe(0);
});

test("a full room answers at once and takes nobody else in", async () => {
  const room = new WaitingRoom();
  const all = Array.from({ length: WAITING_MAX }, (_, index) => room.wait(String(index), LONG_MS, never));
  await room.wait("one more", LONG_MS, never);
  expect(room.waiting).toBe(WAITING_MAX);
  room.call();
  await Promise.all(all);
});
