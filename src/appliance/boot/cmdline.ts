/**
 * `cmdline.txt`: the consoles and where the boot endpoint is. It is sent in the clear to whoever asks, so no secret.
 */
import type { BootNames } from "../customise/names.ts";
import { ApplianceError } from "../errors.ts";

/** arm64's COMMAND_LINE_SIZE. */
export const KERNEL_CMDLINE_MAX_BYTES = 2048;
/** The firmware puts its own words in front (MAC, board revision, memory, display): some 300 to 500 bytes are seen. */
export const FIRMWARE_HEADROOM_BYTES = 768;
export const CMDLINE_MAX_BYTES = KERNEL_CMDLINE_MAX_BYTES - FIRMWARE_HEADROOM_BYTES;

/** A shim that panics starts again and asks again: a Pi in a cupboard has nobody to press a key. */
const PANIC_REBOOT_S = 15;

export interface CmdlineOptions {
  /** The address of ours that the Pi reaches. */
  readonly serverAddress: string;
  readonly reportPort: number;
  /** Of the Pi that asks; undefined leaves them to its system. */
  readonly names?: BootNames | undefined;
}

/**
 * Renders the line, without a newline. `serial0` is the port on the pins or the debug connector: the boot tree puts
 * each board's own name there. Throws when the line would not leave the firmware its headroom.
 */
export function renderCmdline({ serverAddress, reportPort, names }: CmdlineOptions): string {
  const line = [
    "console=tty1",
    "console=serial0,115200",
    `panic=${PANIC_REBOOT_S}`,
    // The shim brings the other CPUs up when it needs them: of a Pi 3 and 4, those that run cannot be given to the
    // next kernel of mode kexec, and the mode is chosen later than this line is read.
    "maxcpus=1",
    `pinetboot.server=${serverAddress}:${reportPort}`,
    // Of two servers on one network this is only the one that the firmware heard first: the shim may go on at another.
    "pinetboot.others=1",
    // The system of the Pi reads these when it takes over (kernel-command-line(7) of systemd 246 and later).
    ...(names ? [`systemd.hostname=${names.hostname}`, `systemd.machine_id=${names.machineId}`] : []),
  ].join(" ");
  if (Buffer.byteLength(line) > CMDLINE_MAX_BYTES)
    throw new ApplianceError(
      "internal",
      `The kernel's command line is longer than ${CMDLINE_MAX_BYTES} bytes`,
    );
  return line;
}
