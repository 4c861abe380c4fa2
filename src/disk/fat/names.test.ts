import { expect, test } from "bun:test";
import { checkName, checksumOf, shortNameOf, shortToText } from "./names.ts";

const none = new Set<string>();

test("a name of eight and three in capitals is its own short name", () => {
  expect(shortNameOf("CMDLINE.TXT", none)).toEqual({ short: "CMDLINE TXT", needsLong: false });
  expect(shortNameOf("ssh", none)).toEqual({ short: "SSH        ", needsLong: true });
  expect(shortToText("CMDLINE TXT", 0x18)).toBe("cmdline.txt");
  expect(shortToText("SSH        ", 0)).toBe("SSH");
});

test("another name gets one with a number that is free", () => {
  expect(shortNameOf("user-data", none).short).toBe("USER-D~1   ");
  expect(shortNameOf("user-data.bak", new Set(["USER-D~1BAK"])).short).toBe("USER-D~2BAK");
  expect(shortNameOf("a b.c+d", none).short).toBe("AB~1    C_D");
  const many = new Set(Array.from({ length: 99 }, (_, i) => `LONGNA~${i + 1}`.padEnd(8).slice(0, 8) + "   "));
  expect(shortNameOf("longname-one", many).short).toMatch(/^LONG[NA]{1,2}~\d+ *$/);
});

test("the checksum of a short name is the specification's", () => {
  // Turned right by one bit, then the next character added.
  expect(checksumOf(Buffer.from("USER-D~1   "))).toBe(handChecksum("USER-D~1   "));
  expect(checksumOf(Buffer.from("           "))).toBe(handChecksum("           "));
});

function handChecksum(short: string): number {
  let bits = "00000000";
  for (const character of short) {
    const turned = Number.parseInt((bits.at(-1) ?? "") + bits.slice(0, -1), 2);
    bits = ((turned + character.charCodeAt(0)) % 256).toString(2).padStart(8, "0");
  }
  return Number.parseInt(bits, 2);
}

test("what FAT cannot hold is refused", () => {
  for (const bad of ["", "a/b", "a\u0000", "con:", "x.", "x ", "y".repeat(256)])
    expect(() => checkName(bad)).toThrow("no name");
  for (const good of ["user-data", "Größe.txt", ".hidden", "y".repeat(255)])
    expect(() => checkName(good)).not.toThrow();
});
