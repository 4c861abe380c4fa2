import { describe, expect, test } from "bun:test";
import { InputFlow, type InputSource } from "./input-flow.ts";

const KIB = 1024;

/** A peer that has so many bytes ready, and counts what becomes of it. */
function flowOver(ready: number, isCrowded = false) {
  const seen = { listening: true, left: ready, taken: 0, turns: 0 };
  let onTake: (() => void) | undefined;
  const source: InputSource = {
    heard: () => void seen.turns++,
    isCrowded,
    read(_socket, most) {
      const length = Math.min(most, 128 * KIB, seen.left);
      seen.left -= length;
      return length > 0 ? new Uint8Array(length) : undefined;
    },
  };
  const socket = {
    remoteAddress: "192.0.2.1",
    remotePort: 1,
    localAddress: "192.0.2.2",
    localPort: 3260,
    write: (bytes: Uint8Array) => bytes.length,
    pause: () => void (seen.listening = false),
    resume: () => void (seen.listening = true),
    end: () => undefined,
    terminate: () => undefined,
  };
  const flow = new InputFlow(socket, source, (bytes) => {
    seen.taken += bytes.length;
    onTake?.();
  });
  return { flow, seen, atTake: (act: () => void) => void (onTake = act) };
}

const nextTurn = (): Promise<void> => new Promise((resolve) => void setImmediate(resolve));

describe("what a connection takes in one turn", () => {
  test("a short chunk is all: no read of our own follows it", () => {
    const { flow, seen } = flowOver(100 * KIB);
    flow.push(new Uint8Array(4 * KIB));
    expect(seen).toMatchObject({ taken: 4 * KIB, left: 100 * KIB, listening: true });
  });

  test("a stream is read on until nothing is there, and Bun goes on listening", () => {
    const { flow, seen } = flowOver(300 * KIB);
    flow.push(new Uint8Array(64 * KIB));
    expect(seen).toMatchObject({ taken: 364 * KIB, left: 0, listening: true, turns: 1 });
  });

  test("alone it takes a mebibyte at most, and the rest in turns of its own", async () => {
    const { flow, seen } = flowOver(1536 * KIB);
    flow.push(new Uint8Array(64 * KIB));
    expect(seen).toMatchObject({ taken: 1024 * KIB, listening: false });
    await nextTurn();
    expect(seen).toMatchObject({ taken: 1600 * KIB, listening: true, turns: 2 });
  });

  test("beside others it takes 64 KiB in a turn", async () => {
    const { flow, seen } = flowOver(200 * KIB, true);
    flow.push(new Uint8Array(32 * KIB));
    expect(seen).toMatchObject({ taken: 64 * KIB, listening: false });
    await nextTurn();
    expect(seen).toMatchObject({ taken: 128 * KIB, listening: false });
    await nextTurn();
    await nextTurn();
    expect(seen).toMatchObject({ taken: 232 * KIB, listening: true });
  });

  test("a peer that does not read its answers is not listened to, in the middle of a turn too", async () => {
    const { flow, seen, atTake } = flowOver(2048 * KIB);
    atTake(() => flow.relieve(seen.taken > 500 * KIB));
    flow.push(new Uint8Array(64 * KIB));
    expect(seen).toMatchObject({ taken: 576 * KIB, listening: false });
    await nextTurn();
    expect(seen.taken).toBe(576 * KIB);
    flow.relieve(false);
    expect(seen.listening).toBe(true);
  });

  test("nothing is read from a connection that was closed meanwhile", async () => {
    const { flow, seen, atTake } = flowOver(2048 * KIB);
    atTake(() => {
      if (seen.taken > 500 * KIB) flow.close();
    });
    flow.push(new Uint8Array(64 * KIB));
    await nextTurn();
    expect(seen).toMatchObject({ taken: 576 * KIB, turns: 1 });
  });
});
