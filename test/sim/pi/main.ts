/**
 * The emulated Pi as a program, run where its tap is:
 *
 *   bun test/sim/pi/main.ts --tap t0 --profile pi4 --serial 10000000ddb41a0c --mac dc:a6:32:b4:1a:0c --out DIR
 *
 * Prints one JSON line per step, the result last (`event: "started"` or `"stopped"`), and leaves in DIR what the CPU
 * would be started with: kernel, device-tree.dtb, initramfs, cmdline.
 */
import { parseArgs } from "node:util";
import { bootPi, isFirmwareStop } from "./emulator.ts";
import { openTap } from "./net/tap.ts";
import { PROFILES, type ProfileName } from "./profiles.ts";
import type { PiEvent } from "./result.ts";
import { saveStarted } from "./save-started.ts";

const { values } = parseArgs({
  options: {
    tap: { type: "string", default: "" },
    profile: { type: "string", default: "" },
    serial: { type: "string", default: "" },
    mac: { type: "string", default: "" },
    out: { type: "string", default: "" },
    prefix: { type: "string", default: "serial" },
    "time-factor": { type: "string", default: "1" },
  },
});

function say(event: PiEvent): void {
  process.stdout.write(`${JSON.stringify(event)}\n`);
}

function isProfile(name: string): name is ProfileName {
  return Object.hasOwn(PROFILES, name);
}

/** TFTP_PREFIX 0 (the serial's low half), 2 (the MAC) or 1 (a word of the owner's). */
function tftpPrefix(kind: string): string {
  if (kind === "serial") return `${values.serial.slice(-8)}/`;
  if (kind === "mac") return `${values.mac.replaceAll(":", "-")}/`;
  return `${kind}/`;
}

async function main(): Promise<number> {
  if (!isProfile(values.profile))
    throw new Error(`--profile must be one of ${Object.keys(PROFILES).join(", ")}`);
  if (!/^[0-9a-f]{16}$/.test(values.serial)) throw new Error("--serial must be 16 hex digits");
  const board = { profile: PROFILES[values.profile], serial: values.serial, mac: values.mac };
  try {
    const started = await bootPi({
      board,
      tftpPrefix: tftpPrefix(values.prefix),
      wire: openTap(values.tap),
      timeFactor: Number(values["time-factor"]),
      onDhcp: (loader, outcome) => say({ event: "dhcp", loader, ...outcome }),
      onRequest: (request) => say({ event: "request", ...request }),
    });
    say({ event: "started", ...(await saveStarted(values.out, started)) });
    return 0;
  } catch (error) {
    if (!isFirmwareStop(error)) throw error;
    say({ event: "stopped", reason: error.message });
    return 1;
  }
}

const exitCode = await main();
// The thread that waits for the tap's next frame would keep the program alive.
process.exit(exitCode);
