import { expect, test } from "bun:test";
import fc from "fast-check";
import { regionDisk } from "./regions.ts";

const regions = fc
  .array(fc.record({ gap: fc.nat(40), bytes: fc.uint8Array({ maxLength: 60 }) }), { maxLength: 8 })
  .map((steps) => {
    let at = 0;
    return steps.map(({ gap, bytes }) => {
      const offset = at + gap;
      at = offset + bytes.length;
      return { offset, bytes };
    });
  });

test("it reads as zeros with the regions laid over them, whatever part is asked for", async () => {
  await fc.assert(
    fc.asyncProperty(regions, fc.nat(300), fc.nat(300), async (parts, from, to) => {
      const model = new Uint8Array(1000);
      for (const { offset, bytes } of parts) model.set(bytes, offset);
      const disk = regionDisk(model.length, parts);
      const [start, end] = [Math.min(from, to), Math.max(from, to)];
      const into = new Uint8Array(end - start).fill(7);
      await disk.read(into, start);
      expect(into).toEqual(model.subarray(start, end));
      let at = start;
      for (const { offset, length, kind } of disk.extents(start, end - start)) {
        expect(offset).toBe(at);
        if (kind === "zero") expect(model.subarray(at, at + length).every((byte) => byte === 0)).toBe(true);
        at += length;
      }
      expect(at).toBe(end);
    }),
  );
});

test("regions that overlap or leave the disk are a bug of who made them", () => {
  const bytes = new Uint8Array(10);
  expect(() =>
    regionDisk(100, [
      { offset: 0, bytes },
      { offset: 9, bytes },
    ]),
  ).toThrow(RangeError);
  expect(() => regionDisk(100, [{ offset: 91, bytes }])).toThrow(RangeError);
});

test("nothing is written to it", () => {
  expect(() => regionDisk(100, []).discard(0, 1)).toThrow("read-only");
});
