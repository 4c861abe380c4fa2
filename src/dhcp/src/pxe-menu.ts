/**
 * Option 43 of a PXE client: sub-options of their own number space, closed by 255
 * (PXE specification 2.1, section 2.2.3, "vendor options").
 *
 *   +------+-----+-----------+-- ... --+-----+
 *   | code | len | value     |         | 255 |
 *   +------+-----+-----------+-- ... --+-----+
 */
import { addressNumber, formatAddress } from "./address.ts";
import { DhcpDecodeError, DhcpEncodeError } from "./errors.ts";

export interface PxeMenu {
  /** Sub-option 6, bits: 1 no broadcast discovery, 2 no multicast discovery, 4 only listed servers, 8 boot the file at once. */
  readonly discoveryControl?: number;
  /** Sub-option 8: where a boot server of a type is found. */
  readonly bootServers?: readonly PxeBootServer[];
  /** Sub-option 10: what to show, and how long to wait (255: for ever). */
  readonly prompt?: { readonly timeoutS: number; readonly text: string };
  /** Sub-option 9: the entries; type 0 is a boot from the local disk. */
  readonly menu?: readonly { readonly type: number; readonly text: string }[];
  /** Sub-option 71: the entry that a client has chosen. */
  readonly bootItem?: { readonly type: number; readonly layer: number };
  /** Sub-options without a row here, as bytes. */
  readonly others?: ReadonlyMap<number, Uint8Array>;
}

export interface PxeBootServer {
  readonly type: number;
  readonly addresses: readonly string[];
}

interface Row {
  readonly code: number;
  readonly key: keyof PxeMenu;
  /** The bytes of the row's value, or undefined when the menu has none. */
  readonly write: (menu: PxeMenu) => number[] | undefined;
  /** Throws a DhcpDecodeError when the bytes are not a whole value. */
  readonly read: (bytes: Uint8Array) => unknown;
}

const END = 255;

function row<Key extends keyof PxeMenu>(value: {
  readonly code: number;
  readonly key: Key;
  readonly encode: (value: NonNullable<PxeMenu[Key]>) => number[];
  readonly decode: (bytes: Uint8Array) => NonNullable<PxeMenu[Key]>;
}): Row {
  return {
    code: value.code,
    key: value.key,
    write: ({ [value.key]: found }) =>
      found === undefined || found === null ? undefined : value.encode(found),
    read: value.decode,
  };
}

/** In the order in which they are sent: a Pi is known to accept 6, 10, 9. */
const ROWS = [
  row({
    code: 6,
    key: "discoveryControl",
    encode: (value) => [value],
    decode: (bytes) => new Reader(bytes).all((reader) => reader.u8()),
  }),
  row({
    code: 8,
    key: "bootServers",
    encode: (servers) =>
      servers.flatMap(({ type, addresses }) => [
        ...u16(type),
        addresses.length,
        ...addresses.flatMap((address) => u32(addressNumber(address))),
      ]),
    decode: (bytes) =>
      new Reader(bytes).list((reader) => {
        const type = reader.u16();
        const count = reader.u8();
        return { type, addresses: Array.from({ length: count }, () => formatAddress(reader.u32())) };
      }),
  }),
  row({
    code: 10,
    key: "prompt",
    encode: ({ timeoutS, text }) => [timeoutS, ...new TextEncoder().encode(text)],
    decode: (bytes) =>
      new Reader(bytes).all((reader) => ({ timeoutS: reader.u8(), text: reader.text(reader.left) })),
  }),
  row({
    code: 9,
    key: "menu",
    encode: (entries) =>
      entries.flatMap(({ type, text }) => {
        const name = new TextEncoder().encode(text);
        return [...u16(type), name.length, ...name];
      }),
    decode: (bytes) =>
      new Reader(bytes).list((reader) => {
        const type = reader.u16();
        return { type, text: reader.text(reader.u8()) };
      }),
  }),
  row({
    code: 71,
    key: "bootItem",
    encode: ({ type, layer }) => [...u16(type), ...u16(layer)],
    decode: (bytes) => new Reader(bytes).all((reader) => ({ type: reader.u16(), layer: reader.u16() })),
  }),
];

/**
 * The bytes of option 43.
 * @throws DhcpEncodeError when a value or a sub-option (255 bytes at most) does not fit.
 */
export function encodePxeMenu(menu: PxeMenu): Uint8Array {
  const out: number[] = [];
  for (const { code, write } of ROWS) {
    const value = write(menu);
    if (value !== undefined) append(out, code, value);
  }
  for (const [code, bytes] of menu.others ?? []) append(out, code, [...bytes]);
  return Uint8Array.from([...out, END]);
}

function append(out: number[], code: number, value: readonly number[]): void {
  if (!Number.isInteger(code) || code < 1 || code >= END)
    throw new DhcpEncodeError(`${code} is not a PXE sub-option`);
  if (value.length > 255)
    throw new DhcpEncodeError(`PXE sub-option ${code} is ${value.length} bytes long, the limit is 255`);
  if (value.some((byte) => !Number.isInteger(byte) || byte < 0 || byte > 255))
    throw new DhcpEncodeError(`PXE sub-option ${code} has a number that does not fit`);
  out.push(code, value.length, ...value);
}

/**
 * Reads option 43 of a PXE client or server. Sub-options without a row come back in `others`.
 * @throws DhcpDecodeError for bytes that are not whole sub-options.
 */
export function decodePxeMenu(bytes: Uint8Array): PxeMenu {
  const menu: Record<string, unknown> = {};
  const others = new Map<number, Uint8Array>();
  const reader = new Reader(bytes);
  while (reader.left > 0) {
    const code = reader.u8();
    if (code === END) break;
    if (code === 0) continue;
    const value = reader.bytes(reader.u8());
    const row = ROWS.find((candidate) => candidate.code === code);
    if (row === undefined) others.set(code, value);
    else menu[row.key] = row.read(value);
  }
  return others.size > 0 ? { ...menu, others } : menu;
}

function u16(value: number): number[] {
  if (!Number.isInteger(value) || value < 0 || value > 0xffff)
    throw new DhcpEncodeError(`${value} does not fit into 16 bits`);
  return [value >>> 8, value & 0xff];
}

function u32(value: number): number[] {
  return [value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff];
}

class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get left(): number {
    return this.#bytes.length - this.#at;
  }

  bytes(count: number): Uint8Array {
    if (count > this.left)
      throw new DhcpDecodeError(
        "bad-option-value",
        `a PXE sub-option wants ${count} bytes, ${this.left} are left`,
      );
    this.#at += count;
    return this.#bytes.slice(this.#at - count, this.#at);
  }

  u8(): number {
    return this.bytes(1).reduce((_, byte) => byte, 0);
  }

  u16(): number {
    return this.u8() * 0x100 + this.u8();
  }

  u32(): number {
    return this.u16() * 0x10000 + this.u16();
  }

  text(count: number): string {
    return new TextDecoder().decode(this.bytes(count));
  }

  list<T>(one: (reader: Reader) => T): T[] {
    const found: T[] = [];
    while (this.left > 0) found.push(one(this));
    return found;
  }

  /** Reads one value that must be all there is. */
  all<T>(one: (reader: Reader) => T): T {
    const value = one(this);
    if (this.left > 0)
      throw new DhcpDecodeError("bad-option-value", `a PXE sub-option has ${this.left} bytes too many`);
    return value;
  }
}
