/** The options we know, and what of a client's wishes is agreed to (RFC 2347). */
import { DATA_HEADER_BYTES, type OptionList } from "./packet.ts";
import { MAX_BLOCK_BYTES, MAX_WINDOW_BLOCKS, MAX_WINDOW_BYTES } from "../limits.ts";
import type { TftpLimits } from "../api.ts";

interface OptionRow {
  readonly name: string;
  readonly rfc: string;
  readonly unit: string;
  readonly min: number;
  readonly max: number;
  /** What holds when the option is not asked for, or ignored. */
  readonly default: number | undefined;
  /** "lower": RFC 2348 and 7440 let the server answer with less. "ignore": as if it had not been asked for. */
  readonly above: "lower" | "ignore";
}

/** A value below `min`, or one that is not a plain decimal number, makes the option ignored (RFC 2347). */
export const OPTION_ROWS = [
  {
    name: "blksize",
    rfc: "2348",
    unit: "bytes",
    min: 8,
    max: MAX_BLOCK_BYTES,
    default: 512,
    above: "lower",
  },
  /** How long the client lets us wait before we repeat a packet. We measure, and never wait so long (limits.ts). */
  { name: "timeout", rfc: "2349", unit: "seconds", min: 1, max: 255, default: undefined, above: "ignore" },
  /** Clients ask with 0 and are told the size. */
  {
    name: "tsize",
    rfc: "2349",
    unit: "bytes",
    min: 0,
    max: Number.MAX_SAFE_INTEGER,
    default: undefined,
    above: "ignore",
  },
  { name: "windowsize", rfc: "7440", unit: "blocks", min: 1, max: 65535, default: 1, above: "lower" },
] as const satisfies readonly OptionRow[];

export type OptionName = (typeof OPTION_ROWS)[number]["name"];

/** What holds for one transfer. `answer` are the options of the OACK; when there are none, no OACK is sent. */
export interface Agreement {
  readonly blockBytes: number;
  readonly windowBlocks: number;
  readonly timeoutMs: number | undefined;
  readonly answer: OptionList;
}

export const NO_OPTIONS: Agreement = { blockBytes: 512, windowBlocks: 1, timeoutMs: undefined, answer: [] };

/**
 * Decides on the options of a read request; of one that is named twice the first counts.
 * `sizeBytes` is undefined when the number of bytes to come is not known (netascii): then tsize is ignored.
 */
export function agree(
  asked: OptionList,
  sizeBytes: number | undefined,
  limits: Pick<TftpLimits, "blockBytes" | "windowBlocks">,
): Agreement {
  const values = new Map<OptionName, number>();
  for (const [name, value] of asked) {
    const row = OPTION_ROWS.find((row) => row.name === name);
    if (!row || values.has(row.name)) continue;
    const number = valueWithin(row, value);
    if (number !== undefined) values.set(row.name, number);
  }

  const blockBytes = lowered(values, "blksize", limits.blockBytes) ?? NO_OPTIONS.blockBytes;
  const roomBlocks = Math.max(1, Math.floor(MAX_WINDOW_BYTES / (blockBytes + DATA_HEADER_BYTES)));
  const windowBlocks =
    lowered(values, "windowsize", Math.min(limits.windowBlocks, MAX_WINDOW_BLOCKS, roomBlocks)) ??
    NO_OPTIONS.windowBlocks;
  const timeoutSeconds = values.get("timeout");
  if (values.has("tsize")) {
    if (sizeBytes === undefined) values.delete("tsize");
    else values.set("tsize", sizeBytes);
  }
  return {
    blockBytes,
    windowBlocks,
    timeoutMs: timeoutSeconds === undefined ? undefined : timeoutSeconds * 1000,
    answer: [...values].map(([name, value]) => [name, String(value)] as const),
  };
}

function valueWithin(row: OptionRow, value: string): number | undefined {
  if (!/^\d{1,16}$/.test(value)) return undefined;
  const number = Number(value);
  if (number < row.min) return undefined;
  if (number <= row.max) return number;
  return row.above === "lower" ? row.max : undefined;
}

function lowered(values: Map<OptionName, number>, name: OptionName, most: number): number | undefined {
  const asked = values.get(name);
  if (asked === undefined) return undefined;
  const agreed = Math.min(asked, most);
  values.set(name, agreed);
  return agreed;
}
