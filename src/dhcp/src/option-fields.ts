/**
 * Options as they lie in a message: code, length, value; 0 pads, 255 ends (RFC 2132 section 2).
 * Option 52 says that the `file` and `sname` fields hold options too (RFC 2132 section 9.3);
 * all parts of one code are one value, in the order options, file, sname (RFC 3396 section 5).
 */
import { DhcpDecodeError, DhcpEncodeError } from "./errors.ts";
import { checkOption, type DhcpOptions } from "./options.ts";

const PAD = 0;
const END = 255;
const OVERLOAD = 52;
const OVERLOAD_BYTES = 3;
const MAX_PART_BYTES = 255;

const OVERLOADS = { file: 1, sname: 2 } as const;

export interface OptionFields {
  readonly options: Uint8Array;
  readonly file: Uint8Array;
  readonly sname: Uint8Array;
}

/**
 * Reads the three fields.
 * @throws DhcpDecodeError when an option runs over its field, a field has no end, or a known option has a wrong length.
 */
export function decodeOptions(fields: OptionFields): { options: DhcpOptions; file: string; sname: string } {
  const options = new Map<number, Uint8Array>();
  readField(fields.options, "options", options);
  const overload = takeOverload(options);
  if (overload & OVERLOADS.file) readField(fields.file, "file", options);
  if (overload & OVERLOADS.sname) readField(fields.sname, "sname", options);
  if (options.has(OVERLOAD))
    throw new DhcpDecodeError("bad-overload", "an overloaded field asks for overload again");
  for (const [code, value] of options) checkOption(code, value);
  return {
    options,
    file: overload & OVERLOADS.file ? "" : readText(fields.file),
    sname: overload & OVERLOADS.sname ? "" : readText(fields.sname),
  };
}

function takeOverload(options: Map<number, Uint8Array>): number {
  const value = options.get(OVERLOAD);
  if (value === undefined) return 0;
  const [bits] = value;
  if (value.length !== 1 || bits === undefined || bits < 1 || bits > 3)
    throw new DhcpDecodeError("bad-overload", `option 52 is ${value.toHex()}`);
  options.delete(OVERLOAD);
  return bits;
}

function readField(field: Uint8Array, name: string, into: Map<number, Uint8Array>): void {
  let at = 0;
  for (;;) {
    const code = field[at];
    // RFC 2131 section 4.1: the last option must be "end". Without it a cut message would pass for a whole one.
    if (code === undefined) throw new DhcpDecodeError("no-end-option", `the ${name} field has no end`);
    at += 1;
    if (code === END) return;
    if (code === PAD) continue;
    const length = field[at];
    if (length === undefined || at + 1 + length > field.length)
      throw new DhcpDecodeError("option-truncated", `option ${code} runs over the ${name} field`);
    const value = field.slice(at + 1, at + 1 + length);
    const before = into.get(code);
    into.set(code, before === undefined ? value : joined(before, value));
    at += 1 + length;
  }
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}

/** Up to the first NUL, one character a byte. */
function readText(field: Uint8Array): string {
  const end = field.indexOf(0);
  return String.fromCharCode(...field.subarray(0, end === -1 ? field.length : end));
}

/**
 * Lays options out. `file` and `sname` come filled with their text; the ones that are empty may be used for options.
 * @throws DhcpEncodeError when a code is not an option or there is no room.
 */
export function encodeOptions(
  options: DhcpOptions,
  room: { optionsBytes: number; file: Uint8Array; sname: Uint8Array },
): OptionFields {
  for (const code of options.keys())
    if (!Number.isInteger(code) || code <= PAD || code >= END || code === OVERLOAD)
      throw new DhcpEncodeError(`${code} is not an option of its own`);
  const plain = layOut(options, [new Field(room.optionsBytes)]);
  if (plain !== undefined) return { options: plain[0]?.end() ?? new Uint8Array(), ...textFields(room) };

  const main = new Field(room.optionsBytes - OVERLOAD_BYTES);
  const file = isEmpty(room.file) ? new Field(room.file.length) : undefined;
  const sname = isEmpty(room.sname) ? new Field(room.sname.length) : undefined;
  const fields = [main, file, sname].filter((field) => field !== undefined);
  if (layOut(options, fields) === undefined)
    throw new DhcpEncodeError(`options do not fit into a message of ${room.optionsBytes} bytes for options`);
  const bits = (file?.used ? OVERLOADS.file : 0) | (sname?.used ? OVERLOADS.sname : 0);
  return {
    options: Uint8Array.from([OVERLOAD, 1, bits, ...main.end()]),
    file: file?.used ? file.end() : room.file,
    sname: sname?.used ? sname.end() : room.sname,
  };
}

function textFields(room: { file: Uint8Array; sname: Uint8Array }): { file: Uint8Array; sname: Uint8Array } {
  return { file: room.file, sname: room.sname };
}

function isEmpty(field: Uint8Array): boolean {
  return field.every((byte) => byte === 0);
}

/** Puts every option into the first field with room; parts of one option never go backwards (RFC 3396 section 5). */
function layOut(options: DhcpOptions, fields: readonly Field[]): readonly Field[] | undefined {
  for (const [code, value] of options) {
    let from = 0;
    for (const part of partsOf(value)) {
      const offset = fields.slice(from).findIndex((field) => field.fits(part));
      if (offset === -1) return undefined;
      from += offset;
      fields[from]?.add(code, part);
    }
  }
  return fields;
}

function partsOf(value: Uint8Array): Uint8Array[] {
  const count = Math.max(1, Math.ceil(value.length / MAX_PART_BYTES));
  return Array.from({ length: count }, (_, index) =>
    value.subarray(index * MAX_PART_BYTES, (index + 1) * MAX_PART_BYTES),
  );
}

class Field {
  readonly #sizeBytes: number;
  readonly #bytes: number[] = [];

  constructor(sizeBytes: number) {
    this.#sizeBytes = sizeBytes;
  }

  get used(): boolean {
    return this.#bytes.length > 0;
  }

  /** One byte is kept for the end. */
  fits(part: Uint8Array): boolean {
    return this.#bytes.length + 2 + part.length + 1 <= this.#sizeBytes;
  }

  add(code: number, part: Uint8Array): void {
    this.#bytes.push(code, part.length, ...part);
  }

  end(): Uint8Array {
    return Uint8Array.from([...this.#bytes, END]);
  }
}
