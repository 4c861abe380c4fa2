/** A policy of the tests' own: machines whose option 97 is a Raspberry Pi's boot, nobody else. */
import { type DhcpMessage, type PxeAnswer, readOption } from "dhcp4-ts";

export const BOOT_ANSWER: PxeAnswer = {
  menu: {
    discoveryControl: 3,
    prompt: { timeoutS: 0, text: "PXE" },
    menu: [{ type: 0, text: "Raspberry Pi Boot   " }],
  },
  bootFile: "bootcode.bin",
};

/** What a Pi 3B sends sixteen times. */
const PI3_ROM_BYTE = 0x44;

export function boots(message: DhcpMessage): boolean {
  const id = readOption(message.options, "clientMachineId");
  if (id === undefined) return false;
  const code = String.fromCharCode(...id.subarray(1, 5));
  return ["RPi4", "4iPR", "5iPR"].includes(code) || id.subarray(1).every((byte) => byte === PI3_ROM_BYTE);
}
