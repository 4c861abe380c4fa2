import { expect, test } from "bun:test";
import fc from "fast-check";
import { cutText, wrapText } from "./cut-text.ts";

test("a wide sign takes two columns, and none is cut in half", () => {
  expect(cutText("漢字かな", 5)).toBe("漢字");
  expect(cutText("a👩‍👩‍👧b", 2)).toBe("a");
  expect(cutText("a👩‍👩‍👧b", 3)).toBe("a👩‍👩‍👧");
});

test("colours take no room, and one that was begun is ended", () => {
  expect(cutText("\u001b[31mabcdef\u001b[0m", 3)).toBe("\u001b[31mabc\u001b[0m");
  expect(cutText("\u001b[31mabc\u001b[0m", 3)).toBe("\u001b[31mabc\u001b[0m");
});

test("nothing is wider than the columns that it has", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: "grapheme", maxLength: 40 }),
      fc.integer({ min: 0, max: 30 }),
      (text, columns) => {
        const cut = cutText(text, columns);
        expect(Bun.stringWidth(cut)).toBeLessThanOrEqual(columns);
        expect(text).toStartWith(cut);
      },
    ),
  );
});

test("words are put into lines that fit, and none is lost", () => {
  expect(wrapText("one two three", 8)).toEqual(["one two", "three"]);
  expect(wrapText("漢字 かな x", 9)).toEqual(["漢字 かな", "x"]);
  expect(wrapText("a-word-that-is-longer x", 8)).toEqual(["a-word-that-is-longer", "x"]);
});
