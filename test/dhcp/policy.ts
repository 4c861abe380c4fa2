/** A policy of the tests' own: machines whose option 97 holds a Raspberry Pi's four characters boot, nobody else. */
import { type DhcpMessage, type PxeAnswer, readOption } from "dhcp4-ts";

export const BOOT_ANSWER: PxeAnswer = {
  menu: {
    discoveryControl: 3,
    prompt: { timeoutS: 0, text: "PXE" },
    menu: [{ type: 0, text: "Raspberry Pi Boot   " }],
  },
  bootFile: "bootcode.bin",
};

export function boots(message: DhcpMessage): boolean {
  const id = readOption(message.options, "clientMachineId");
  const code = id && String.fromCharCode(...id.subarray(1, 5));
  return code === "RPi4" || code === "4iPR" || code === "5iPR";
}
