import { expect, test } from "bun:test";
import { printable } from "./printable.ts";

test("plain words stay as they are, of any language", () => {
  expect(printable("iqn.2026-01.example:Büro 3 机")).toBe("iqn.2026-01.example:Büro 3 机");
});

test("nothing of a peer's words steers a terminal or hides what follows", () => {
  expect(printable("a\u001b[2J\r\nb\u0000\u009b\u202ec\u2028d\u2066\ud800")).toBe("a?[2J??b???c?d??");
});

test("what is too long is cut", () => {
  expect(printable("x".repeat(5000))).toHaveLength(403);
});
