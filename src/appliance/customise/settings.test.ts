import { describe, expect, test } from "bun:test";
import { ApplianceError } from "../errors.ts";
import { type CustomiseRequest, checkCustomisation } from "./settings.ts";
import { sha512Crypt } from "./sha512-crypt.ts";

const KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0ZCP+0D4n2kTmCgqB6dFhBFoYXZ3p0vY8yWlmnQ6Xv ada@laptop";

function refusal(request: CustomiseRequest): string {
  try {
    checkCustomisation(request);
  } catch (error) {
    if (error instanceof ApplianceError && error.code === "bad-request") return error.message;
    throw error;
  }
  return "taken";
}

test("all that may be said is taken, without plain secrets", () => {
  const settings = checkCustomisation({
    hostname: "kitchen-pi",
    user: "ada",
    password: "correct horse",
    sshKeys: [` ${KEY}\n`],
    wifi: { ssid: "IEEE", password: "password", country: "de" },
    locale: "de_DE",
    keyboard: "de",
    timezone: "Europe/Berlin",
  });
  const salt = settings.user?.passwordHash?.split("$")[2] ?? "";
  expect(settings).toEqual({
    hostname: "kitchen-pi",
    user: { name: "ada", passwordHash: sha512Crypt("correct horse", salt) },
    ssh: true,
    sshKeys: [KEY],
    wifi: {
      ssid: "IEEE",
      // The test vector of IEEE 802.11, annex J.
      psk: "f42c6fc52df0ebef9ebb4b90b38a5f902e83fe1b135a70e23aed762e9710a12e",
      country: "DE",
      hidden: false,
    },
    locale: "de_DE.UTF-8",
    keyboard: "de",
    timezone: "Europe/Berlin",
  });
  expect(JSON.stringify(settings)).not.toContain("horse");
  expect(checkCustomisation({})).toEqual({});
});

describe("refused with the reason:", () => {
  const CASES: readonly (readonly [CustomiseRequest, string])[] = [
    [{ hostname: "-pi" }, '"-pi" is no host name'],
    [{ hostname: "a b" }, '"a b" is no host name'],
    [{ hostname: "x".repeat(64) }, "is no host name"],
    [{ hostname: "a", keepNames: true }, "The image's own names, and a host name"],
    [{ password: "x" }, "A password without a user"],
    [{ sshKeys: [KEY] }, "SSH keys without a user"],
    [{ user: "root", password: "x" }, '"root" is no name for the user'],
    [{ user: "Ada", password: "x" }, '"Ada" is no name for the user'],
    [{ user: "ada" }, "Nobody could log in as ada"],
    [{ user: "ada", password: "" }, "The password is empty"],
    [{ user: "ada", password: "a\nb" }, "control characters"],
    [{ user: "ada", password: "x", passwordHash: "$6$a$b" }, "A password and a hash of one"],
    [{ user: "ada", passwordHash: "ada:secret" }, "none of crypt's"],
    [{ user: "ada", sshKeys: ["ssh-ed25519 AAAA"] }, "is no public SSH key"],
    [{ user: "ada", sshKeys: [KEY.replace("ssh-ed25519", "ssh-rsa")] }, "is no public SSH key"],
    [{ user: "ada", sshKeys: [`${KEY}\nssh-rsa`] }, "is no public SSH key"],
    [{ user: "ada", sshKeys: Array.from({ length: 33 }, () => KEY) }, "More than 32 SSH keys"],
    [{ wifi: { ssid: "", country: "DE" } }, "is no name of a WiFi network"],
    [{ wifi: { ssid: "ü".repeat(17), country: "DE" } }, "is no name of a WiFi network"],
    [{ wifi: { ssid: "home", country: "Germany" } }, "is no country"],
    [{ wifi: { ssid: "home", password: "short", country: "DE" } }, "8 to 63 plain characters"],
    [{ locale: "german" }, "is no locale"],
    [{ keyboard: "de; reboot" }, "is no keyboard layout"],
    [{ timezone: "Europe/Atlantis" }, "is no time zone"],
    [{ timezone: "../../etc/passwd" }, "is no time zone"],
  ];
  for (const [request, words] of CASES)
    test(`${words} (${JSON.stringify(request).slice(0, 60)})`, () =>
      expect(refusal(request)).toContain(words));
});
