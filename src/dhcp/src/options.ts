import { addressNumber, formatAddress } from "./address.ts";
import { DhcpDecodeError, DhcpEncodeError } from "./errors.ts";
import {
  isOptionName,
  type KindOf,
  type KindValues,
  OPTION_KINDS,
  OPTION_TABLE,
  type OptionKind,
  type OptionName,
  type OptionValue,
  type OptionValues,
  optionCode,
  optionName,
} from "./option-table.ts";

/** Options by code, each with its whole value: parts of a long one are joined (RFC 3396), the overload is undone. */
export type DhcpOptions = ReadonlyMap<number, Uint8Array>;

/**
 * The value of a known option, or undefined when the message does not carry it.
 * @throws DhcpDecodeError `bad-option-value`; never for options that came through `decodeMessage`, which has checked them.
 */
export function readOption<Name extends OptionName>(
  options: DhcpOptions,
  name: Name,
): OptionValue<Name> | undefined {
  const bytes = options.get(optionCode(name));
  if (bytes === undefined) return undefined;
  checkOption(optionCode(name), bytes);
  const kind: KindOf<Name> = OPTION_TABLE[name].kind;
  return CODECS[kind].decode(bytes);
}

/**
 * Builds options from names; the order of the names is the order on the wire. Add unknown codes with `set`.
 * @throws DhcpEncodeError for a value that its option cannot hold.
 */
export function makeOptions(values: OptionValues): Map<number, Uint8Array> {
  const options = new Map<number, Uint8Array>();
  for (const name of Object.keys(values)) {
    if (!isOptionName(name)) throw new DhcpEncodeError(`no option is named ${name}`);
    const bytes = encodeOption(name, values[name]);
    if (bytes !== undefined) options.set(optionCode(name), bytes);
  }
  return options;
}

function encodeOption<Name extends OptionName>(
  name: Name,
  value: OptionValue<Name> | undefined,
): Uint8Array | undefined {
  if (value === undefined) return undefined;
  const kind: KindOf<Name> = OPTION_TABLE[name].kind;
  try {
    return CODECS[kind].encode(value);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new DhcpEncodeError(`option ${name}: ${error.message}`);
  }
}

/** Copies those of the named options that `from` carries into `into`, unchanged. */
export function copyOptions(
  from: DhcpOptions,
  into: Map<number, Uint8Array>,
  names: readonly OptionName[],
): void {
  for (const name of names) {
    const value = from.get(optionCode(name));
    if (value !== undefined) into.set(optionCode(name), value);
  }
}

/** Refuses a known option whose length its kind does not allow; unknown codes may hold anything. */
export function checkOption(code: number, bytes: Uint8Array): void {
  const name = optionName(code);
  if (name === undefined) return;
  const { minBytes, maxBytes, unitBytes } = OPTION_KINDS[OPTION_TABLE[name].kind];
  if (bytes.length < minBytes || bytes.length > maxBytes || bytes.length % unitBytes !== 0)
    throw new DhcpDecodeError(
      "bad-option-value",
      `option ${code} (${name}) cannot be ${bytes.length} bytes long`,
    );
}

interface Codec<Kind extends OptionKind> {
  /** Gets bytes of a length that the kind allows. */
  readonly decode: (bytes: Uint8Array) => KindValues[Kind];
  /** Throws a RangeError for a value that has no place. */
  readonly encode: (value: KindValues[Kind]) => Uint8Array;
}

const CODECS: { readonly [Kind in OptionKind]: Codec<Kind> } = {
  address: {
    decode: (bytes) => formatAddress(integer(bytes)),
    encode: (value) => integers([addressNumber(value)], 4),
  },
  addresses: {
    decode: (bytes) => units(bytes, 4).map(formatAddress),
    encode: (value) => integers(value.map(addressNumber), 4),
  },
  u8: { decode: integer, encode: (value) => integers([value], 1) },
  u16: { decode: integer, encode: (value) => integers([value], 2) },
  u16s: { decode: (bytes) => units(bytes, 2), encode: (value) => integers(value, 2) },
  u32: { decode: integer, encode: (value) => integers([value], 4) },
  text: {
    // RFC 2132 section 2: a receiver must cope with trailing NULs.
    decode: (bytes) => new TextDecoder().decode(bytes).replace(/\0+$/, ""),
    encode: (value) => new TextEncoder().encode(value),
  },
  bytes: { decode: (bytes) => bytes, encode: (value) => value },
};

/** The big-endian number that the bytes are. */
function integer(bytes: Uint8Array): number {
  return bytes.reduce((value, byte) => value * 256 + byte, 0);
}

function units(bytes: Uint8Array, size: number): number[] {
  return Array.from({ length: bytes.length / size }, (_, index) =>
    integer(bytes.subarray(index * size, (index + 1) * size)),
  );
}

function integers(values: readonly number[], size: 1 | 2 | 4): Uint8Array {
  const bytes = new Uint8Array(values.length * size);
  for (const [index, value] of values.entries()) {
    if (!Number.isInteger(value) || value < 0 || value >= 2 ** (8 * size))
      throw new RangeError(`${value} does not fit into ${size} bytes`);
    for (let byte = 0; byte < size; byte++)
      bytes[index * size + byte] = (value / 2 ** (8 * (size - 1 - byte))) & 0xff;
  }
  return bytes;
}
