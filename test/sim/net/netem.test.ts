import { describe, expect, test } from "bun:test";
import { type Conditions, Netem } from "./netem.ts";
import { seeded } from "./random.ts";

/** Sends the numbers 0, 1, 2 ... one each millisecond, and returns which arrived when. */
function send(count: number, conditions: Conditions, seed = 1): { packet: number; at: number }[] {
  const network = new Netem<number>(conditions, seeded(seed));
  const arrived: { packet: number; at: number }[] = [];
  for (let now = 0; now < count || network.nextAt < Infinity; now++) {
    if (now < count) network.push(now, now);
    for (const packet of network.pop(now)) arrived.push({ packet, at: now });
  }
  return arrived;
}

describe("a bad network", () => {
  test("that is good passes everything at once and in order", () => {
    expect(send(100, {})).toEqual(Array.from({ length: 100 }, (_, i) => ({ packet: i, at: i })));
  });

  test("does the same again for the same seed, and something else for another", () => {
    const conditions = { loss: 0.1, duplicate: 0.1, reorder: 0.1, delayMs: 3, jitterMs: 4 };
    expect(send(500, conditions, 7)).toEqual(send(500, conditions, 7));
    expect(send(500, conditions, 7)).not.toEqual(send(500, conditions, 8));
  });

  test("loses and doubles about as many as it is told", () => {
    expect(send(10_000, { loss: 0.02 }).length).toBeWithin(9700, 9900);
    expect(send(10_000, { duplicate: 0.02 }).length).toBeWithin(10_100, 10_300);
  });

  test("delays each packet, and keeps their order without jitter", () => {
    expect(send(50, { delayMs: 5 })).toEqual(
      Array.from({ length: 50 }, (_, i) => ({ packet: i, at: i + 5 })),
    );
  });

  test("lets the chosen overtake", () => {
    const order = send(1000, { delayMs: 5, reorder: 0.1 }).map(({ packet }) => packet);
    expect(order).not.toEqual(order.toSorted((a, b) => a - b));
    expect(order).toHaveLength(1000);
  });
});
