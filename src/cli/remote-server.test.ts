import { describe, expect, test } from "bun:test";
import { remoteServerOf, serverUrl } from "./remote-server.ts";

describe("the address of a server", () => {
  test.each([
    ["rack", "http://rack:8080"],
    ["192.168.1.10", "http://192.168.1.10:8080"],
    ["192.168.1.10:80", "http://192.168.1.10"],
    ["[fe80::1]:9000", "http://[fe80::1]:9000"],
    ["http://rack:8080/", "http://rack:8080"],
    ["https://rack.example.org", "https://rack.example.org"],
  ])("%s is %s", (word, url) => expect(serverUrl(word)).toBe(url));

  test.each(["", "ftp://rack", "http://rack/page", "a b", "user@rack", "rack:99999", "/run/socket"])(
    "%p is refused with how to write it",
    (word) => expect(() => serverUrl(word)).toThrow("is not the address of a server"),
  );
});

describe("which computer a command is for", () => {
  const env = { PINETBOOT_SERVER: "rack", PINETBOOT_KEY: "secret" };

  test("this one, when nobody says otherwise", () => {
    expect(remoteServerOf({}, {})).toBeUndefined();
    expect(remoteServerOf({}, { PINETBOOT_SERVER: "" })).toBeUndefined();
  });

  test("a flag wins over the environment, which has the key", () => {
    expect(remoteServerOf({}, env)).toEqual({ url: "http://rack:8080", key: "secret" });
    expect(remoteServerOf({ server: "http://lab:1" }, env)).toEqual({ url: "http://lab:1", key: "secret" });
  });

  test("a folder of this computer is this computer, and both flags are a mistake", () => {
    expect(remoteServerOf({ data: "/srv/pis" }, env)).toBeUndefined();
    expect(() => remoteServerOf({ data: "/srv/pis", server: "http://lab:1" }, {})).toThrow(
      "--data is a folder of this computer",
    );
  });
});
