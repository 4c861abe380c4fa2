/** What people call Pis and groups of them: names that stand in tables, addresses and command lines. */
import { ApplianceError } from "../errors.ts";
import { cleanText } from "../events.ts";
import { parsePiKey } from "./record.ts";

export const LABEL_MAX_CHARS = 64;
export const GROUP_MAX_CHARS = 64;
/** What a Pi's screen shows of its key. */
const CODE = /^[0-9a-f]{4}$/i;

/** Throws "bad-request" for what is no name: it must be a line, and must not be taken for a serial number or a MAC. */
export function checkLabel(label: string): void {
  if (label === "" || label.length > LABEL_MAX_CHARS || cleanText(label) !== label)
    throw new ApplianceError("bad-request", `A name has 1 to ${LABEL_MAX_CHARS} printable characters`);
  if (parsePiKey(label) !== undefined || CODE.test(label))
    throw new ApplianceError(
      "bad-request",
      `${label} could be a serial number, a MAC or a code`,
      "Choose another name.",
    );
}

/** Throws "bad-request" for what cannot be typed without thinking about a shell. */
export function checkGroup(group: string): void {
  if (group.length <= GROUP_MAX_CHARS && /^[\p{L}\p{N}][\p{L}\p{N}._-]*$/u.test(group)) return;
  throw new ApplianceError(
    "bad-request",
    `"${cleanText(group)}" is no name for a group`,
    `Write it with up to ${GROUP_MAX_CHARS} letters, digits, dots, dashes and underscores.`,
  );
}
