import { expect, test } from "bun:test";
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
  const ran: unknown[] = [];
  const attempt = ensureToolchain({
    allowInstall: false,
    tools: [{ needs: "no-such-program", debianPackage: "some-package" }],
    run: async (command) => {
      ran.push(command);
      return "";
    },
  });
  const error: unknown = await attempt.catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: "toolchain-missing", fix: installCommand(["some-package"]) });
  expect(ran).toEqual([]);
});
