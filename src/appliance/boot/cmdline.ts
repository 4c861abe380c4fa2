/**
 * `cmdline.txt`: the consoles and where the boot endpoint is. It is sent in the clear to whoever asks, so no secret.
 */
import { ApplianceError } from "../errors.ts";

/** arm64's COMMAND_LINE_SIZE. */
export const KERNEL_CMDLINE_MAX_BYTES = 2048;
/** The firmware puts its own words in front (MAC, board revision, memory, display): some 300 to 500 bytes are seen. */
export const FIRMWARE_HEADROOM_BYTES = 768;
export const CMDLINE_MAX_BYTES = KERNEL_CMDLINE_MAX_BYTES - FIRMWARE_HEADROOM_BYTES;

/**
 * The debug port by board, under mainline's names, as our config.txt sets it: `disable-bt` gives pins 14 and 15 of a
 * Pi 3 and 4 the full PL011; a Pi 5 has a connector of its own. An entry for a port that a board lacks does nothing,
 * so an unknown board gets them all: the last one that is there becomes /dev/console.
 */
const CONSOLES = [
  { generation: "5", port: "ttyAMA10" },
  { generation: "4", port: "ttyAMA0" },
  { generation: "3", port: "ttyAMA0" },
] as const;

const SERIAL_SPEED = 115_200;
/** A shim that panics starts again and asks again: a Pi in a cupboard has nobody to press a key. */
const PANIC_REBOOT_S = 15;

export interface CmdlineOptions {
  /** The address of ours that the Pi reaches. */
  readonly serverAddress: string;
  readonly reportPort: number;
  /** "Raspberry Pi 4 Model B" or what of it is known; null when nothing is. */
  readonly model: string | null;
}

/** Renders the line, without a newline. Throws when it would not leave the firmware its headroom. */
export function renderCmdline({ serverAddress, reportPort, model }: CmdlineOptions): string {
  const line = [
    "console=tty1",
    ...serialPorts(model).map((port) => `console=${port},${SERIAL_SPEED}`),
    `panic=${PANIC_REBOOT_S}`,
    `pinetboot.server=${serverAddress}:${reportPort}`,
  ].join(" ");
  if (Buffer.byteLength(line) > CMDLINE_MAX_BYTES)
    throw new ApplianceError(
      "internal",
      `The kernel's command line is longer than ${CMDLINE_MAX_BYTES} bytes`,
    );
  return line;
}

function serialPorts(model: string | null): readonly string[] {
  // "Raspberry Pi 4 Model B Rev 1.5", "Raspberry Pi 400", "Raspberry Pi Compute Module 5 Lite"
  const generation = /^Raspberry Pi (?:Compute Module )?(\d)/.exec(model ?? "")?.[1];
  const known = CONSOLES.find((console) => console.generation === generation);
  return known ? [known.port] : [...new Set(CONSOLES.map(({ port }) => port))];
}
