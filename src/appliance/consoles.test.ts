import { expect, test } from "bun:test";
import fc from "fast-check";
import { CONSOLE_KEPT_CHARS, CONSOLE_LINE_MAX_CHARS, Consoles, CONSOLES_KEPT } from "./consoles.ts";
import { LiveFeed, type LiveNews } from "./live-feed.ts";

function make(): { consoles: Consoles; told: LiveNews[]; texts: (pi: string) => string[] } {
  const feed = new LiveFeed();
  const told: LiveNews[] = [];
  feed.listen((news) => told.push(news));
  const consoles = new Consoles(feed, () => 1000);
  return { consoles, told, texts: (pi) => consoles.since(pi).map(({ text }) => text) };
}

test("text comes in any pieces, and is told line by line", () => {
  fc.assert(
    fc.property(fc.array(fc.stringMatching(/^[a-z ]{0,20}$/)), fc.array(fc.nat(30)), (lines, cuts) => {
      const { consoles, told, texts } = make();
      let rest = lines.map((line) => `${line}\r\n`).join("");
      for (const cut of cuts) {
        consoles.add("a", "netconsole", rest.slice(0, cut));
        rest = rest.slice(cut);
      }
      consoles.add("a", "netconsole", rest);
      expect(texts("a")).toEqual(lines);
      expect(told).toHaveLength(lines.length);
    }),
  );
});

test("whoever missed lines that are not kept any more is told so, for this Pi alone", () => {
  const { consoles } = make();
  consoles.add("a", "shim", "first\n");
  consoles.add("b", "shim", "other\n");
  expect([consoles.hasLost("a", 999), consoles.hasLost("a", 998), consoles.hasLost("a", 1002)]).toEqual([
    false,
    true,
    true,
  ]);
  const long = `${"x".repeat(CONSOLE_LINE_MAX_CHARS - 1)}\n`;
  for (let chars = 0; chars <= CONSOLE_KEPT_CHARS; chars += long.length) consoles.add("a", "shim", long);
  expect([consoles.hasLost("a", 999), consoles.hasLost("b", 999)]).toEqual([true, false]);
  const [oldest] = consoles.since("a");
  expect(consoles.hasLost("a", (oldest?.id ?? 0) - 1)).toBe(false);
});

test("two sources of one Pi do not run into each other's lines", () => {
  const { consoles, texts } = make();
  consoles.add("a", "shim", "one ");
  consoles.add("a", "netconsole", "two\n");
  consoles.add("a", "shim", "end\n");
  expect(texts("a")).toEqual(["two", "one end"]);
});

test("what would move a cursor, or turn a screen's direction, does not get through", () => {
  const { consoles, texts } = make();
  consoles.add("a", "shim", "\u001b[31mred\u001b[0m \u001b]0;title\u0007\u202ebad\u0008\u0000 \tgood\n");
  expect(texts("a")).toEqual(["red bad \tgood"]);
});

test("a console that never ends a line, one that never ends, and ever new Pis stay within bounds", () => {
  const { consoles, texts } = make();
  consoles.add("a", "shim", "x".repeat(10 * CONSOLE_LINE_MAX_CHARS));
  expect(texts("a").join("").length).toBeLessThanOrEqual(CONSOLE_LINE_MAX_CHARS);
  for (let n = 0; n < 5000; n++) consoles.add("a", "shim", `${"y".repeat(100)}\n`);
  expect(texts("a").join("\n").length).toBeLessThan(CONSOLE_KEPT_CHARS);
  for (let n = 0; n < CONSOLES_KEPT; n++) consoles.add(`pi-${n}`, "shim", "z\n");
  expect(texts("a")).toEqual([]);
  expect(texts("pi-0")).toEqual(["z"]);
});

test("a listener goes on behind the line that it saw last", () => {
  const { consoles } = make();
  consoles.add("a", "shim", "one\ntwo\nthree\n");
  const [, second] = consoles.since("a");
  expect(consoles.since("a", second?.id).map(({ text }) => text)).toEqual(["three"]);
});
