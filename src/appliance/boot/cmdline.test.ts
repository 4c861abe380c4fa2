import { expect, test } from "bun:test";
import { CMDLINE_MAX_BYTES, renderCmdline } from "./cmdline.ts";

test("the command line names the consoles and the boot endpoint, and nothing that identifies a session", () => {
  const line = renderCmdline({ serverAddress: "192.168.100.200", reportPort: 65_535 });
  expect(line).toBe(
    "console=tty1 console=serial0,115200 panic=15 maxcpus=1 pinetboot.server=192.168.100.200:65535 pinetboot.others=1",
  );
  expect(line.length).toBeLessThanOrEqual(CMDLINE_MAX_BYTES);
});

test("a line that would take the firmware's headroom is our own fault and throws", () => {
  expect(() => renderCmdline({ serverAddress: "x".repeat(1500), reportPort: 1 })).toThrow("longer than");
});
