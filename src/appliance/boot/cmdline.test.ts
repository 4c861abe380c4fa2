import { expect, test } from "bun:test";
import fc from "fast-check";
import { CMDLINE_MAX_BYTES, renderCmdline } from "./cmdline.ts";

const at = { serverAddress: "192.168.100.200", reportPort: 65_535 };

test("the command line names the boot endpoint and the consoles, and nothing that identifies a session", () => {
  expect(renderCmdline({ ...at, model: "Raspberry Pi 4 Model B Rev 1.5" })).toBe(
    "console=tty1 console=ttyAMA0,115200 panic=15 pinetboot.server=192.168.100.200:65535",
  );
});

test("a Pi 5 gets the port of its debug connector", () => {
  expect(renderCmdline({ ...at, model: "Raspberry Pi 5 Model B Rev 1.0" })).toContain(
    "console=ttyAMA10,115200",
  );
  expect(renderCmdline({ ...at, model: "Raspberry Pi 5 Model B Rev 1.0" })).not.toContain("ttyAMA0,");
});

test("a board that nobody knows gets every port", () => {
  for (const model of [null, "Raspberry Pi Zero 2 W", "something else"])
    expect(renderCmdline({ ...at, model })).toMatch(/console=ttyAMA10,115200 .*console=ttyAMA0,115200/);
});

test("whatever a Pi says to be, the line leaves the firmware its headroom and stays one line", () => {
  fc.assert(
    fc.property(fc.option(fc.string({ unit: "binary", maxLength: 5000 })), (model) => {
      const line = renderCmdline({ ...at, model });
      expect(line.length).toBeLessThanOrEqual(CMDLINE_MAX_BYTES);
      expect(line).toMatch(/^[\x20-\x7e]+$/);
    }),
  );
});

test("a line that would take the firmware's headroom is our own fault and throws", () => {
  expect(() => renderCmdline({ ...at, serverAddress: "x".repeat(1500), model: null })).toThrow("longer than");
});
