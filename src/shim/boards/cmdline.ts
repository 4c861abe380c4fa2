/**
 * The kernel's command line by board. Each must name its own serial console: Linux tries only the first
 * `console=` of a driver, so that of two names of the PL011 one that is not there silences the other.
 */

/** Word of a command line that stands for the board's serial console, as in Raspberry Pi's own cmdline.txt. */
const SERIAL_WORD = /(?<=^|\s)console=serial0(?=[,\s]|$)/g;

/**
 * For trees that no server of ours renders (a card, another TFTP server). One CPU: the shim brings the others up when it
 * needs them; of a Pi 3 and 4, those that run could not be given to another kernel.
 */
export const STANDALONE_CMDLINE = "console=tty1 console=serial0,115200 panic=15 maxcpus=1";

export interface CmdlineRow {
  /** File that the firmware reads; config.txt names it where it is not the default. */
  readonly path: string;
  /** Linux name of the UART on the header (Pi 5: on its debug connector). */
  readonly serialConsole: string;
}

export const CMDLINES = [
  { path: "cmdline.txt", serialConsole: "ttyAMA0" },
  { path: "cmdline-pi5.txt", serialConsole: "ttyAMA10" },
] as const satisfies readonly CmdlineRow[];

/** The file of one row: `console=serial0` becomes the board's own console, and there is one line. */
export function renderCmdlineFile(row: CmdlineRow, cmdline: string): string {
  return `${cmdline.trim().replaceAll(SERIAL_WORD, `console=${row.serialConsole}`)}\n`;
}
