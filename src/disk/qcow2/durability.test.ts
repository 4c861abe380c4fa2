/**
 * The promises of an overlay, on a simulated disk: a kill loses nothing, a loss of power loses nothing that was flushed
 * and leaves every sector with its flushed content or a newer one, a full disk refuses and harms nothing.
 */
import { describe, expect, test, setDefaultTimeout } from "bun:test";
import fc from "fast-check";
import { SimulatedOverlay } from "../../../test/support/simulated-overlay.ts";
import { MemoryLayer } from "../../../test/support/memory-layer.ts";
import { decodeHeader, HEADER_AREA_BYTES } from "./header.ts";
import { readL1Table } from "./mapping.ts";
import type { Overlay } from "./overlay.ts";
import { rebuildRefcounts } from "./recover.ts";
import { CLUSTER_BYTES, ENTRIES_PER_L2 } from "./units.ts";
import type { SimulatedFile } from "../../../test/support/simulated-file.ts";

const RUNS = process.env["PINETBOOT_LONG"] === "1" ? 3000 : 50;
const SECTOR = 512;
// A machine that is busy with other things takes its time.
setDefaultTimeout(60_000 + RUNS * 100);

const SECTORS_PER_CLUSTER = CLUSTER_BYTES / SECTOR;
/** Ends in the middle of a subcluster, one cluster into the third L2 table. */
const DISK_SECTORS = (2 * ENTRIES_PER_L2 + 1) * SECTORS_PER_CLUSTER - 5;
/** The base ends before the disk does, in the middle of a subcluster of the first window. */
const BASE_SECTORS = SECTORS_PER_CLUSTER + 101;
/** Two clusters each: at the start, around the border of two L2 tables, at the end. */
const WINDOWS = [0, (ENTRIES_PER_L2 - 1) * SECTORS_PER_CLUSTER, DISK_SECTORS - 2 * SECTORS_PER_CLUSTER];
const WINDOW_SECTORS = 2 * SECTORS_PER_CLUSTER;

type Step =
  | {
      readonly do: "write" | "discard";
      readonly window: number;
      readonly sector: number;
      readonly count: number;
    }
  | { readonly do: "flush"; readonly wait: boolean; readonly ticks: number }
  | { readonly do: "kill" | "close" | "cold" }
  | { readonly do: "cut"; readonly seed: number; readonly odds: number; readonly inFlush: number | undefined }
  | { readonly do: "space"; readonly pages: number };

const range = {
  window: fc.nat(WINDOWS.length - 1),
  sector: fc.oneof(fc.nat(WINDOW_SECTORS - 1), fc.constantFrom(0, 8, SECTORS_PER_CLUSTER)),
  count: fc.oneof(
    fc.integer({ min: 1, max: 20 }),
    fc.integer({ min: 1, max: WINDOW_SECTORS }),
    fc.constantFrom(SECTORS_PER_CLUSTER, WINDOW_SECTORS),
  ),
};
const wholeClusters = {
  window: range.window,
  sector: fc.constantFrom(0, SECTORS_PER_CLUSTER),
  count: fc.constantFrom(SECTORS_PER_CLUSTER, WINDOW_SECTORS),
};
const step = (withSpace: boolean): fc.Arbitrary<Step> =>
  fc.oneof(
    { weight: 8, arbitrary: fc.record({ do: fc.constant("write" as const), ...range }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("discard" as const), ...range }) },
    { weight: 2, arbitrary: fc.record({ do: fc.constant("discard" as const), ...wholeClusters }) },
    {
      weight: 3,
      arbitrary: fc.record({ do: fc.constant("flush" as const), wait: fc.boolean(), ticks: fc.nat(12) }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constantFrom("kill" as const, "close" as const, "cold" as const) }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        do: fc.constant("cut" as const),
        inFlush: fc.option(fc.nat(8), { nil: undefined }),
        seed: fc.integer({ min: 1 }),
        odds: fc.constantFrom(0, 0.3, 0.7, 1),
      }),
    },
    {
      weight: withSpace ? 2 : 0,
      arbitrary: fc.record({ do: fc.constant("space" as const), pages: fc.nat(60) }),
    },
  );

/** Every value that a sector ever had, and which of them a loss of power may leave. */
class Model {
  readonly #history = new Map<number, { seq: number; tag: number }[]>();
  #seq = 0;
  #flushed = 0;

  initial(sector: number): number {
    return sector < BASE_SECTORS ? 0x40000000 + sector : 0;
  }

  get seq(): number {
    return this.#seq;
  }

  set(first: number, count: number, tag: number): void {
    this.#seq += 1;
    for (let sector = first; sector < first + count; sector += 1) this.#note(sector, tag);
  }

  flushed(seq: number): void {
    this.#flushed = Math.max(this.#flushed, seq);
  }

  current(sector: number): number {
    return this.#history.get(sector)?.at(-1)?.tag ?? this.initial(sector);
  }

  allowedAfterPowerLoss(sector: number): number[] {
    const history = [{ seq: 0, tag: this.initial(sector) }, ...(this.#history.get(sector) ?? [])];
    const base = history.findLastIndex(({ seq }) => seq <= this.#flushed);
    return history.slice(base).map(({ tag }) => tag);
  }

  /** What was found after a loss of power, or a failed write, is now the content. */
  adopt(sector: number, tag: number): void {
    if (this.current(sector) !== tag) this.#note(sector, tag);
  }

  #note(sector: number, tag: number): void {
    const known = this.#history.get(sector);
    if (known) known.push({ seq: this.#seq, tag });
    else this.#history.set(sector, [{ seq: this.#seq, tag }]);
  }
}

/** One simulated session over its whole life. */
class Life {
  readonly model = new Model();
  #tag = 1;
  #generation = 0;

  private constructor(
    readonly disk: SimulatedOverlay,
    private overlay: Overlay,
    private readonly lies: boolean,
  ) {}

  static async begin(lies = false): Promise<Life> {
    const disk = await SimulatedOverlay.create({
      sizeBytes: DISK_SECTORS * SECTOR,
      backing: { name: "base.img", format: "raw" },
    });
    disk.file.syncsLie = lies;
    return new Life(disk, await disk.open(base()), lies);
  }

  async take(step: Step): Promise<void> {
    switch (step.do) {
      case "write":
      case "discard":
        return this.#change(step);
      case "flush":
        return this.#flush(step.wait, step.ticks);
      case "cold":
        this.disk.file.cold = !this.disk.file.cold;
        return;
      case "kill":
        this.disk.kill();
        await this.#reopen();
        return this.compare((sector) => [this.model.current(sector)]);
      case "close":
        this.#freeSpace(Number.POSITIVE_INFINITY);
        await this.overlay.close();
        await expectClean(this.disk.file);
        await this.#reopen();
        expect(this.overlay.recovery).toEqual({ kind: "clean" });
        return this.compare((sector) => [this.model.current(sector)]);
      case "cut":
        if (step.inFlush !== undefined) await this.#flush(false, step.inFlush);
        this.disk.cutPower(dice(step.seed), step.odds);
        await this.#reopen();
        await this.compare((sector) => this.model.allowedAfterPowerLoss(sector), true);
        this.model.flushed(this.model.seq);
        return;
      case "space":
        return this.#freeSpace(step.pages);
    }
  }

  /** Compares every sector of the windows with what the model allows there. */
  async compare(allowed: (sector: number) => number[], adopt = false): Promise<void> {
    for (const window of WINDOWS) {
      const bytes = new Uint8Array(WINDOW_SECTORS * SECTOR);
      if (!this.overlay.tryRead(bytes, window * SECTOR)) await this.overlay.read(bytes, window * SECTOR);
      for (let i = 0; i < WINDOW_SECTORS; i += 1)
        this.#judge(window + i, tagOf(bytes, i), allowed(window + i), adopt);
    }
  }

  #judge(sector: number, found: number, allowed: number[], adopt: boolean): void {
    if (!allowed.includes(found)) {
      throw new Error(`sector ${sector} holds ${found}, allowed are ${allowed.join(", ")}`);
    }
    if (adopt) this.model.adopt(sector, found);
  }

  #change(step: Step & { do: "write" | "discard" }): void {
    const first = (WINDOWS[step.window] ?? 0) + step.sector;
    const count = Math.min(step.count, WINDOW_SECTORS - step.sector);
    const tag = step.do === "write" ? (this.#tag += 1) : 0;
    const before = Array.from({ length: count }, (_, i) => this.model.current(first + i));
    this.model.set(first, count, tag);
    try {
      if (step.do === "write") this.overlay.write(filled(count, tag), first * SECTOR);
      else this.overlay.discard(first * SECTOR, count * SECTOR);
    } catch (error) {
      expect(error).toMatchObject({ code: "ENOSPC" });
      const bytes = new Uint8Array(count * SECTOR);
      this.overlay.readNow(bytes, first * SECTOR);
      for (let i = 0; i < count; i += 1) {
        this.#judge(first + i, tagOf(bytes, i), [before[i] ?? 0, tag], true);
      }
    }
  }

  async #flush(wait: boolean, ticks: number): Promise<void> {
    const { seq } = this.model;
    const generation = this.#generation;
    const flush = this.overlay.flush().then(
      () => {
        if (generation === this.#generation) this.model.flushed(seq);
      },
      (error: unknown) => expect(error).toMatchObject({ code: "ENOSPC" }),
    );
    if (wait) await flush;
    else for (let i = 0; i < ticks; i += 1) await Promise.resolve();
  }

  async #reopen(): Promise<void> {
    this.#generation += 1;
    this.#freeSpace(Number.POSITIVE_INFINITY);
    this.disk.file.syncsLie = this.lies;
    this.overlay = await this.disk.open(base());
  }

  #freeSpace(pages: number): void {
    this.disk.file.freePages = pages;
    if (this.disk.journal) this.disk.journal.freePages = pages;
  }
}

function base(): { name: string; layer: MemoryLayer } {
  const bytes = new Uint8Array(BASE_SECTORS * SECTOR);
  const tags = new Uint32Array(bytes.buffer);
  for (let i = 0; i < tags.length; i += 1) tags[i] = 0x40000000 + Math.floor((i * 4) / SECTOR);
  return { name: "base.img", layer: new MemoryLayer(bytes) };
}

function filled(count: number, tag: number): Uint8Array {
  return new Uint8Array(new Uint32Array((count * SECTOR) / 4).fill(tag).buffer);
}

/** The one value that fills a sector; a sector that holds two is torn within, which nothing may do. */
function tagOf(bytes: Uint8Array, index: number): number {
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset + index * SECTOR, SECTOR / 4);
  const [tag = 0] = words;
  if (words.some((word) => word !== tag)) throw new Error(`sector ${index} of the window is torn`);
  return tag;
}

/** A closed file: the dirty bit clear, and refcounts that a rebuild finds nothing to change in. */
async function expectClean(file: SimulatedFile): Promise<void> {
  const area = new Uint8Array(HEADER_AREA_BYTES);
  file.readNow(area, 0);
  const header = decodeHeader(area, file.sizeBytes());
  expect(header.dirty).toBe(false);
  const tables = await readL1Table(file, header.l1Offset, header.l1Entries, file.sizeBytes() / CLUSTER_BYTES);
  const before = file.sizeBytes();
  expect(await rebuildRefcounts(file.afterKill(), header, tables)).toBe(0);
  expect(file.sizeBytes()).toBe(before);
}

/** mulberry32: small, seeded, good enough for dice. */
function dice(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

async function live(steps: readonly Step[], lies = false): Promise<void> {
  const life = await Life.begin(lies);
  for (const step of steps) await life.take(step);
  await life.take({ do: "close" });
}

describe("an overlay on a simulated disk", () => {
  test("keeps its promises through kills, losses of power and closings at any moment", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step(false), { maxLength: 40 }), (steps) => live(steps)),
      { numRuns: RUNS },
    );
  });

  test("keeps them on a disk that is full at times, and goes on when there is space again", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step(true), { maxLength: 40 }), (steps) => live(steps)),
      { numRuns: RUNS },
    );
  });

  test("would be caught if its syncs did nothing", async () => {
    const caught = fc.check(
      fc.asyncProperty(fc.array(step(false), { minLength: 20, maxLength: 40 }), (steps) => live(steps, true)),
      { numRuns: 100, endOnFailure: true },
    );
    expect((await caught).failed).toBe(true);
  });
});

describe("at the moments that dice rarely hit", () => {
  test("a cluster that a discard freed is not given to other data before the discard is durable", async () => {
    for (let seed = 1; seed <= 40; seed += 1) {
      const life = await Life.begin();
      const cluster = { window: 0, count: SECTORS_PER_CLUSTER };
      await life.take({ do: "write", ...cluster, sector: 0 });
      await life.take({ do: "flush", wait: true, ticks: 0 });
      await life.take({ do: "discard", ...cluster, sector: 0 });
      await life.take({ do: "write", ...cluster, sector: SECTORS_PER_CLUSTER });
      await life.take({ do: "cut", seed, odds: 0.9, inFlush: undefined });
      await life.take({ do: "close" });
    }
  });

  test("a write that comes while a flush runs survives a kill after it", async () => {
    for (let ticks = 0; ticks <= 20; ticks += 1) {
      const life = await Life.begin();
      await life.take({ do: "write", window: 0, sector: 0, count: 8 });
      await life.take({ do: "flush", wait: false, ticks });
      await life.take({ do: "write", window: 1, sector: 8, count: 8 });
      await life.take({ do: "flush", wait: false, ticks: 30 });
      await life.take({ do: "write", window: 2, sector: 16, count: 8 });
      await life.take({ do: "kill" });
      await life.take({ do: "close" });
    }
  });

  test("a commit that failed for want of space is made up for by the next", async () => {
    const life = await Life.begin();
    await life.take({ do: "write", window: 0, sector: 0, count: 8 });
    await life.take({ do: "space", pages: 0 });
    await life.take({ do: "flush", wait: true, ticks: 0 });
    await life.take({ do: "kill" });
    await life.take({ do: "write", window: 0, sector: 8, count: 8 });
    await life.take({ do: "flush", wait: true, ticks: 0 });
    await life.take({ do: "cut", seed: 1, odds: 0, inFlush: undefined });
    await life.take({ do: "close" });
  });
});

test.each(["file", "journal"] as const)(
  "a write that the disk of the %s fails harms nothing, and the next one is taken",
  async (which) => {
    const disk = await SimulatedOverlay.create({ sizeBytes: 2 * CLUSTER_BYTES });
    const overlay = await disk.open();
    overlay.write(filled(8, 1), 0);
    const failing = which === "file" ? disk.file : disk.journal;
    if (!failing) throw new Error("an open overlay has a journal");
    failing.writesFail = true;
    expect(() => overlay.write(filled(8, 2), CLUSTER_BYTES)).toThrow(
      expect.objectContaining({ code: "EIO" }),
    );
    failing.writesFail = false;
    const bytes = new Uint8Array(CLUSTER_BYTES + 8 * SECTOR);
    await overlay.read(bytes, 0);
    expect([tagOf(bytes, 0), tagOf(bytes, SECTORS_PER_CLUSTER)]).toEqual([1, 0]);
    overlay.write(filled(8, 3), CLUSTER_BYTES);
    await overlay.close();
    await expectClean(disk.file);
    const again = await disk.open();
    await again.read(bytes, 0);
    expect([tagOf(bytes, 0), tagOf(bytes, SECTORS_PER_CLUSTER)]).toEqual([1, 3]);
  },
);

test("after a sync that failed nothing is written or flushed until the overlay is opened again", async () => {
  const disk = await SimulatedOverlay.create({ sizeBytes: CLUSTER_BYTES });
  const overlay = await disk.open();
  overlay.write(filled(8, 1), 0);
  disk.file.failNextSync = true;
  expect(await failure(overlay.flush())).toMatchObject({ code: "EIO" });
  expect(await failure(overlay.flush())).toMatchObject({ code: "EIO" });
  expect(() => overlay.write(filled(8, 2), 0)).toThrow("a sync failed");
  expect(await failure(overlay.close())).toMatchObject({ code: "EIO" });
  disk.kill();
  expect((await disk.open()).recovery.kind).toBe("killed");
});

async function failure(promise: Promise<void>): Promise<unknown> {
  try {
    return await promise;
  } catch (error) {
    return error;
  }
}
