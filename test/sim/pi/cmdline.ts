/** The kernel's command line as the firmware makes it: the device tree's, its own words, then cmdline.txt. */
import type { BoardFiles } from "./boards.ts";
import { FirmwareStop } from "./files.ts";

/** COMMAND_LINE_SIZE of arm64: a longer line is cut by the kernel, in silence. */
const COMMAND_LINE_BYTES = 2048;

export interface CommandLineParts {
  /** `bootargs` of the device tree. */
  readonly deviceTree: string;
  /** The whole of cmdline.txt. */
  readonly file: string;
  readonly mac: string;
  /** The device that `serial0` stands for on this board now. */
  readonly serial0: string;
}

/** Only the first line of cmdline.txt counts. Throws FirmwareStop when the result is longer than a kernel reads. */
export function makeCommandLine(board: BoardFiles, parts: CommandLineParts): string {
  const own = `smsc95xx.macaddr=${parts.mac.toUpperCase()} ${board.commandLine}`;
  const served = (parts.file.split(/\r?\n/)[0] ?? "")
    .trim()
    .replaceAll(/(?<=^|\s)console=serial0(?=,|\s|$)/g, `console=${parts.serial0}`);
  const line = [parts.deviceTree.trim(), own, served].filter(Boolean).join(" ");
  const bytes = new TextEncoder().encode(line).length + 1;
  if (bytes > COMMAND_LINE_BYTES) throw new FirmwareStop(`the command line is ${bytes} bytes long`);
  return line;
}
