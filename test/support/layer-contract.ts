/** What every layer promises, as one suite that runs over each kind of it. */
import { expect, test } from "bun:test";
import fc from "fast-check";
import type { Layer } from "../../src/disk/layer.ts";

export interface LayerUnderTest {
  readonly layer: Layer;
  /** What the disk reads as before anything was written. */
  readonly initial: Uint8Array;
  /** Closes it and opens it anew. */
  reopen(): Promise<Layer>;
  /** Called last, with the layer closed. */
  afterwards?(content: Uint8Array): Promise<void>;
}

type Step =
  | { readonly do: "write" | "discard"; readonly at: number; readonly length: number; readonly fill: number }
  | { readonly do: "flush" | "reopen" };

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constantFrom("write" as const, "write" as const, "discard" as const),
      at: fc.nat(),
      length: fc.oneof(fc.integer({ min: 1, max: 9000 }), fc.integer({ min: 1, max: 300_000 })),
      fill: fc.integer({ min: 1, max: 255 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom("flush" as const, "reopen" as const) }) },
);

/** @param make a fresh layer of the same content each time, at least two clusters (256 KiB) large */
export function testLayer(name: string, make: () => Promise<LayerUnderTest>): void {
  test(`${name} reads what was written, wherever and in whatever pieces, and zeros where it was discarded`, async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const under = await make();
        const model = under.initial.slice();
        let { layer } = under;
        for (const next of steps) layer = await take(next, layer, model, under);
        expectSame(await readAll(layer), model);
        await layer.close();
        await under.afterwards?.(model);
      }),
      { numRuns: 25 },
    );
  }, 30_000);

  test(`${name} reads any part of the disk, in all three ways`, async () => {
    const under = await make();
    const { layer, initial } = under;
    layer.write(new Uint8Array(5000).fill(7), 100_000);
    initial.fill(7, 100_000, 105_000);
    for (const [from, to] of [
      [0, 1],
      [99_999, 100_001],
      [99_000, 131_073],
      [layer.sizeBytes - 1, layer.sizeBytes],
      [0, layer.sizeBytes],
    ] as const) {
      const want = initial.subarray(from, to);
      const into = new Uint8Array(to - from);
      layer.readNow(into, from);
      expectSame(into, want);
      await layer.read(into.fill(1), from);
      expectSame(into, want);
      if (layer.tryRead(into.fill(1), from)) expectSame(into, want);
    }
    await layer.close();
  });

  test(`${name} refuses ranges outside the disk`, async () => {
    const { layer } = await make();
    const end = layer.sizeBytes;
    for (const [offset, length] of [
      [end, 1],
      [end - 1, 2],
      [-1, 1],
      [0.5, 1],
      [Number.MAX_SAFE_INTEGER, 1],
    ] as const) {
      expect(() => layer.tryRead(new Uint8Array(length), offset)).toThrow(RangeError);
      expect(() => layer.write(new Uint8Array(length), offset)).toThrow(RangeError);
      expect(() => layer.discard(offset, length)).toThrow(RangeError);
      expect(() => [...layer.extents(offset, length)]).toThrow(RangeError);
    }
    await layer.close();
  });

  test(`${name} maps a range in order and without gaps, and a zero extent reads as zeros`, async () => {
    const { layer } = await make();
    layer.write(new Uint8Array(10_000).fill(9), 30_000);
    layer.discard(131_072, 65_536);
    const [from, length] = [1000, layer.sizeBytes - 3000];
    let at = from;
    for (const extent of layer.extents(from, length)) {
      expect(extent.offset).toBe(at);
      expect(extent.length).toBeGreaterThan(0);
      at += extent.length;
      if (extent.kind !== "zero") continue;
      const bytes = new Uint8Array(extent.length);
      layer.readNow(bytes, extent.offset);
      expectSame(bytes, new Uint8Array(extent.length));
    }
    expect(at).toBe(from + length);
    await layer.close();
  });
}

async function take(next: Step, layer: Layer, model: Uint8Array, under: LayerUnderTest): Promise<Layer> {
  switch (next.do) {
    case "flush":
      await layer.flush();
      return layer;
    case "reopen":
      return under.reopen();
    case "write":
    case "discard": {
      const at = next.at % layer.sizeBytes;
      const length = Math.min(next.length, layer.sizeBytes - at);
      if (next.do === "write") layer.write(new Uint8Array(length).fill(next.fill), at);
      else layer.discard(at, length);
      model.fill(next.do === "write" ? next.fill : 0, at, at + length);
      return layer;
    }
  }
}

export async function readAll(layer: Layer): Promise<Uint8Array> {
  const bytes = new Uint8Array(layer.sizeBytes);
  await layer.read(bytes, 0);
  return bytes;
}

/** Equal content, told by the first byte that differs rather than by a megabyte of them. */
export function expectSame(got: Uint8Array, want: Uint8Array): void {
  if (Buffer.compare(got, want) === 0) return;
  const at = got.findIndex((byte, index) => byte !== want[index]);
  throw new Error(
    `byte ${at} is ${got[at]}, not ${want[at]} (lengths ${got.byteLength}, ${want.byteLength})`,
  );
}
