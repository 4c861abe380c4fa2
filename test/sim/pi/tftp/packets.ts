/** TFTP packets as a loader writes and reads them (RFC 1350 section 5, RFC 2347). */

const OPCODE = { readRequest: 1, data: 3, acknowledge: 4, error: 5, optionAcknowledge: 6 } as const;

export type ServerPacket =
  | { readonly kind: "data"; readonly block: number; readonly bytes: Uint8Array }
  | { readonly kind: "options"; readonly options: ReadonlyMap<string, string> }
  | { readonly kind: "error"; readonly code: number; readonly text: string };

export function encodeReadRequest(
  path: string,
  options: ReadonlyArray<readonly [name: string, value: number]>,
): Uint8Array {
  const words = [path, "octet", ...options.flatMap(([name, value]) => [name, `${value}`])];
  return Buffer.concat([
    Uint8Array.of(0, OPCODE.readRequest),
    new TextEncoder().encode(words.map((w) => `${w}\0`).join("")),
  ]);
}

export function encodeAcknowledge(block: number): Uint8Array {
  return Uint8Array.of(0, OPCODE.acknowledge, block >> 8, block & 0xff);
}

export function encodeError(code: number, text: string): Uint8Array {
  return Buffer.concat([Uint8Array.of(0, OPCODE.error, 0, code), new TextEncoder().encode(`${text}\0`)]);
}

/** Reads what a server sends; undefined when it is nothing that a server may send. */
export function decodeServerPacket(bytes: Uint8Array): ServerPacket | undefined {
  if (bytes.length < 4) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const opcode = view.getUint16(0);
  const text = new TextDecoder("latin1");
  if (opcode === OPCODE.data) return { kind: "data", block: view.getUint16(2), bytes: bytes.subarray(4) };
  if (opcode === OPCODE.error) {
    return {
      kind: "error",
      code: view.getUint16(2),
      text: text.decode(bytes.subarray(4)).split("\0")[0] ?? "",
    };
  }
  if (opcode !== OPCODE.optionAcknowledge) return undefined;
  const words = text.decode(bytes.subarray(2)).split("\0");
  const options = new Map<string, string>();
  for (let at = 0; at + 1 < words.length; at += 2) {
    options.set((words[at] ?? "").toLowerCase(), words[at + 1] ?? "");
  }
  return { kind: "options", options };
}
