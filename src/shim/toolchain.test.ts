import { expect, test } from "bun:test";
import { ShimError } from "./support/shim-error.ts";
import { ensureToolchain, installCommand, missingPackages } from "./toolchain.ts";

test("a missing program or header names its Debian package, once", () => {
  const tools = [
    { needs: "sh", debianPackage: "dash" },
    { needs: "no-such-program", debianPackage: "some-package" },
    { needs: "/no/such/header.h", debianPackage: "some-package" },
  ];
  expect(missingPackages(tools)).toEqual(["some-package"]);
});

test("the fix is one line to paste", () => {
  expect(installCommand(["flex", "bison"])).toBe("sudo apt-get install --no-install-recommends flex bison");
});

test("without leave to install, nothing is installed and the error has the line", async () => {
  const path = process.env["PATH"];
  process.env["PATH"] = "/nowhere";
  try {
    const ran: unknown[] = [];
    const attempt = ensureToolchain(async (command) => {
      ran.push(command);
      return "";
    }, false);
    const error: unknown = await attempt.catch((thrown: unknown) => thrown);
    if (!(error instanceof ShimError)) throw error;
    expect(error.code).toBe("toolchain-missing");
    expect(error.fix).toMatch(/^sudo apt-get install .*flex/);
    expect(ran).toEqual([]);
  } finally {
    process.env["PATH"] = path;
  }
});
