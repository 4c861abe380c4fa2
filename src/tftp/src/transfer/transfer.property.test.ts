import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { pattern, runTwoEnds } from "../../testing/two-ends.ts";

const conditions = fc.record({
  loss: fc.double({ min: 0, max: 0.15, noNaN: true }),
  duplicate: fc.double({ min: 0, max: 0.3, noNaN: true }),
  reorder: fc.double({ min: 0, max: 0.3, noNaN: true }),
  delayMs: fc.double({ min: 0, max: 5, noNaN: true }),
  jitterMs: fc.double({ min: 0, max: 3, noNaN: true }),
});

const asked = fc.record({
  blockBytes: fc.integer({ min: 8, max: 1468 }),
  windowBlocks: fc.integer({ min: 1, max: 70 }),
  withOptions: fc.boolean(),
  complains: fc.constantFrom("once" as const, "always" as const),
  blocks: fc.integer({ min: 0, max: 300 }),
  extraBytes: fc.nat({ max: 7 }),
});

describe("a transfer through a bad network", () => {
  test("ends with the same bytes, in bounded time, whatever is lost, doubled, delayed and overtaken", () => {
    fc.assert(
      fc.property(asked, conditions, fc.nat(), (ask, there, seed) => {
        const blockBytes = ask.withOptions ? ask.blockBytes : 512;
        const file = pattern(ask.blocks * blockBytes + ask.extraBytes);
        const { client, ms } = runTwoEnds({
          file,
          there,
          seed,
          complains: ask.complains,
          options: ask.withOptions
            ? [
                ["blksize", String(ask.blockBytes)],
                ["windowsize", String(ask.windowBlocks)],
              ]
            : [],
        });
        if (client?.how !== "done") throw new Error(`the client ended with ${client?.how}`);
        expect(Buffer.compare(client.bytes, file)).toBe(0);
        // Every wait is at most a second, and a block is lost twelve times in a row once in 10^6.
        expect(ms).toBeLessThan((ask.blocks + 12) * 1000);
      }),
      { numRuns: 300 },
    );
  });

  test.each([
    { windowBlocks: 1, mostMs: 7000 },
    { windowBlocks: 8, mostMs: 3000 },
    { windowBlocks: 64, mostMs: 2500 },
  ])("2 MB pass 2 percent loss and 2 ms there and back in time: %o", ({ windowBlocks, mostMs }) => {
    const file = pattern(2_000_000);
    for (let seed = 1; seed <= 5; seed++) {
      const { client, ms } = runTwoEnds({
        file,
        seed,
        there: { loss: 0.02, delayMs: 1 },
        options: [
          ["blksize", "1468"],
          ["windowsize", String(windowBlocks)],
        ],
      });
      expect(client?.how).toBe("done");
      expect(ms).toBeLessThan(mostMs);
    }
  });

  test("one packet that comes twice costs at most one window more", () => {
    fc.assert(
      fc.property(asked, fc.nat({ max: 300 }), fc.boolean(), (ask, which, fromServer) => {
        const blocks = ask.blocks + 1;
        const windowBlocks = Math.min(ask.windowBlocks, 64);
        let seen = 0;
        const twice = (): number => (seen++ === which ? 2 : 1);
        const { client, dataPacketsSent } = runTwoEnds({
          file: pattern(ask.blocks * 64 + ask.extraBytes),
          complains: ask.complains,
          options: [
            ["blksize", "64"],
            ["windowsize", String(ask.windowBlocks)],
          ],
          ...(fromServer ? { copiesOf: twice } : { answersOf: twice }),
        });
        expect(client?.how).toBe("done");
        expect(dataPacketsSent).toBeLessThanOrEqual(blocks + (windowBlocks === 1 ? 0 : windowBlocks));
      }),
      { numRuns: 200 },
    );
  });

  test("when half of all packets come twice, the stream is at most doubled, and with windowsize 1 not at all", () => {
    fc.assert(
      fc.property(asked, fc.nat(), (ask, seed) => {
        const blocks = ask.blocks + 1;
        const { client, dataPacketsSent } = runTwoEnds({
          file: pattern(ask.blocks * 64 + ask.extraBytes),
          seed,
          complains: ask.complains,
          there: { duplicate: 0.5 },
          options: [
            ["blksize", "64"],
            ["windowsize", String(ask.windowBlocks)],
          ],
        });
        expect(client?.how).toBe("done");
        expect(dataPacketsSent).toBeLessThanOrEqual(ask.windowBlocks === 1 ? blocks : 2 * blocks + 64);
      }),
      { numRuns: 100 },
    );
  });
});
