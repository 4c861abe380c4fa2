import { describe, expect, test } from "bun:test";
import { pickMirror } from "./mirror.ts";

describe("the mirror of a machine", () => {
  test("is Debian's archive, not its security archive nor a third party's", () => {
    const lines = [
      "http://third.example/debian/|Third|Debian|main",
      "http://mirror.example/debian-security/|Debian|Debian-Security|main",
      "http://mirror.example/debian/|Debian|Debian|contrib",
      "http://mirror.example/debian/|Debian|Debian|main",
    ];
    expect(pickMirror(lines)).toBe("http://mirror.example/debian/");
  });

  test("is guessed by its address on a machine whose lists were never fetched", () => {
    const lines = ["http://mirror.example/debian-security/|||main", "http://mirror.example/debian/|||main"];
    expect(pickMirror(lines)).toBe("http://mirror.example/debian/");
  });

  test("is unknown on a machine of another distribution", () => {
    expect(pickMirror(["http://mirror.example/ubuntu/|Ubuntu|Ubuntu|main", ""])).toBeUndefined();
  });
});
