/**
 * Every place at which a kill or a loss of power can fall, one after the other: between any two pages that an overlay
 * changes, and around each sync. What is found then is compared with a plain array of what each sector may hold.
 */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import fc from "fast-check";
import type { Layer } from "../../src/disk/layer.ts";
import type { Overlay } from "../../src/disk/qcow2/overlay.ts";
import { CLUSTER_BYTES } from "../../src/disk/qcow2/units.ts";
import { MemoryLayer } from "../support/memory-layer.ts";
import { SimulatedOverlay } from "../support/simulated-overlay.ts";
import {
  allowedAfterKill,
  allowedAfterPowerLoss,
  type Command,
  KIND,
  lossesIn,
  SECTOR_BYTES,
} from "./writer/write-log.ts";

const IS_LONG = process.env["PINETBOOT_LONG"] === "1";
const HISTORIES = IS_LONG ? 400 : 10;
setDefaultTimeout(60_000 + HISTORIES * 4000);

/** Ends in the middle of a subcluster. */
const SECTORS = (3 * CLUSTER_BYTES) / SECTOR_BYTES - 5;
/** The image ends before the disk does: the disk has been grown. */
const BASE_SECTORS = CLUSTER_BYTES / SECTOR_BYTES + 101;
const BASE_TAG = 0x0ba5e000;
const MIDDLE_TAG = 0x0ba5f000;
/** Losses of power tried at each boundary, with another choice of what had reached the disk. */
const CUTS = [0, 0.5, 1];

type Step =
  | { readonly do: "write" | "discard"; readonly first: number; readonly count: number }
  | { readonly do: "flush" | "reopen" };

const range = {
  first: fc.oneof(fc.nat(SECTORS - 1), fc.constantFrom(0, 8, CLUSTER_BYTES / SECTOR_BYTES)),
  count: fc.oneof(
    fc.integer({ min: 1, max: 20 }),
    fc.constantFrom(CLUSTER_BYTES / SECTOR_BYTES, 300, SECTORS),
  ),
};
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant("write" as const), ...range }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("discard" as const), ...range }) },
  { weight: 3, arbitrary: fc.constant({ do: "flush" as const }) },
  { weight: 1, arbitrary: fc.constant({ do: "reopen" as const }) },
);

/** What lies beneath the overlay under test, and what the disk reads as before anything is written. */
interface Ground {
  readonly name: string;
  readonly content: Uint32Array;
  /** Opens it; nobody writes to it. */
  beneath(): Promise<{ name: string; layer: Layer } | undefined>;
}

const nothing: Ground = {
  name: "nothing",
  content: new Uint32Array(SECTORS),
  beneath: async () => undefined,
};

const image: Ground = {
  name: "an image that is smaller than the disk",
  content: new Uint32Array(SECTORS).fill(BASE_TAG, 0, BASE_SECTORS),
  beneath: async () => ({ name: "base", layer: new MemoryLayer(sectorsOf(BASE_TAG, BASE_SECTORS)) }),
};

/** An overlay that covers a part of the image, discards another, and is not written any more. */
async function chain(): Promise<Ground> {
  const middle = await SimulatedOverlay.create({
    sizeBytes: 2 * CLUSTER_BYTES,
    backing: { name: "base", format: "raw" },
  });
  const overlay = await middle.open(await image.beneath());
  overlay.write(sectorsOf(MIDDLE_TAG, 50), 100 * SECTOR_BYTES);
  overlay.discard(0, 16 * SECTOR_BYTES);
  await overlay.close();
  const content = image.content.slice().fill(MIDDLE_TAG, 100, 150).fill(0, 0, 16);
  return {
    name: "a chain of an overlay and an image",
    content,
    beneath: async () => ({ name: "middle", layer: await middle.copy().open(await image.beneath()) }),
  };
}

interface Boundary {
  readonly files: SimulatedOverlay;
  readonly stamp: number;
}

/** Lives through the steps and keeps the files as they are at each boundary. */
class History {
  readonly commands: Command[] = [];
  readonly boundaries: Boundary[] = [];
  #number = 0;
  #overlay: Overlay;

  private constructor(
    readonly ground: Ground,
    readonly disk: SimulatedOverlay,
    overlay: Overlay,
  ) {
    this.#overlay = overlay;
  }

  static async live(ground: Ground, steps: readonly Step[], lies = false): Promise<History> {
    const below = await ground.beneath();
    const disk = await SimulatedOverlay.create({
      sizeBytes: SECTORS * SECTOR_BYTES,
      ...(below && { backing: { name: below.name, format: "raw" } }),
    });
    disk.file.syncsLie = lies;
    const history = new History(ground, disk, await disk.open(below));
    disk.onBoundary = () => history.boundaries.push({ files: disk.copy(), stamp: history.boundaries.length });
    for (const next of steps) await history.#take(next);
    disk.onBoundary();
    return history;
  }

  async #take(next: Step): Promise<void> {
    switch (next.do) {
      case "flush":
        return this.#note(KIND.sync, 0, 0, () => this.#overlay.flush());
      case "reopen":
        await this.#note(KIND.sync, 0, 0, () => this.#overlay.close());
        this.#overlay = await this.disk.open(await this.ground.beneath());
        return;
      case "write":
      case "discard": {
        const count = Math.min(next.count, SECTORS - next.first);
        const at = next.first * SECTOR_BYTES;
        const kind = next.do === "write" ? KIND.write : KIND.unmap;
        return this.#note(kind, next.first, count, (number) => {
          if (next.do === "write") this.#overlay.write(sectorsOf(number, count), at);
          else this.#overlay.discard(at, count * SECTOR_BYTES);
        });
      }
    }
  }

  async #note(
    kind: number,
    first: number,
    count: number,
    work: (number: number) => void | Promise<void>,
  ): Promise<void> {
    this.#number += 1;
    const number = this.#number;
    const fill = kind === KIND.unmap ? 0 : number;
    const command: Command = {
      kind,
      first,
      end: first + count,
      fill,
      number,
      sent: 2 * number,
      sentStamp: this.boundaries.length,
      done: undefined,
      doneStamp: undefined,
      refused: false,
    };
    this.commands.push(command);
    await work(number);
    command.done = 2 * number + 1;
    command.doneStamp = this.boundaries.length;
  }

  /** Throws at the first boundary where something is found that may not be. */
  async judge(seed: number): Promise<void> {
    const { content } = this.ground;
    for (const { files, stamp } of this.boundaries) {
      const killed = files.copy();
      killed.kill();
      await this.#compare(killed, allowedAfterKill(content, this.commands, stamp), `kill at ${stamp}`);
      for (const odds of CUTS) {
        const cut = files.copy();
        cut.cutPower(dice(seed + stamp), odds);
        const may = allowedAfterPowerLoss(content, this.commands, stamp);
        await this.#compare(cut, may, `loss of power at ${stamp}, odds ${odds}`);
      }
    }
  }

  async #compare(files: SimulatedOverlay, may: Parameters<typeof lossesIn>[1], when: string): Promise<void> {
    const overlay = await files.open(await this.ground.beneath());
    const disk = new Uint8Array(SECTORS * SECTOR_BYTES);
    overlay.readNow(disk, 0);
    expect({ when, losses: lossesIn(disk, may) }).toEqual({ when, losses: [] });
    // A second opening finds what the first one mended.
    await overlay.close();
    const again = await files.open(await this.ground.beneath());
    expect({ when, kind: again.recovery.kind }).toEqual({ when, kind: "clean" });
    const twice = new Uint8Array(disk.byteLength);
    again.readNow(twice, 0);
    expect(Buffer.compare(twice, disk)).toBe(0);
  }
}

function sectorsOf(tag: number, count: number): Uint8Array {
  return new Uint8Array(new Uint32Array((count * SECTOR_BYTES) / 4).fill(tag).buffer);
}

/** mulberry32. */
function dice(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const histories = fc.tuple(fc.array(step, { minLength: 1, maxLength: 7 }), fc.nat());

describe("at every boundary of a write", () => {
  test.each([
    ["nothing", async () => nothing],
    ["an image that is smaller than the disk", async () => image],
    ["a chain of an overlay and an image", chain],
  ] as const)("an overlay over %s keeps its promises", async (_name, make) => {
    const ground = await make();
    await fc.assert(
      fc.asyncProperty(histories, async ([steps, seed]) => (await History.live(ground, steps)).judge(seed)),
      { numRuns: HISTORIES },
    );
  });

  test("syncs that did nothing would be caught", async () => {
    const steps: Step[] = [{ do: "write", first: 0, count: 20 }, { do: "flush" }];
    const history = await History.live(image, steps, true);
    expect(await history.judge(1).catch(() => "caught")).toBe("caught");
  });
});
