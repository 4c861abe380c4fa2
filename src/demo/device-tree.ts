/**
 * Properties of a flattened device tree's root (Devicetree Specification 0.4, chapter 5):
 *
 *   | header, 40 | memory reservations | structure: tokens, each 4-byte aligned | strings |
 */

const MAGIC = 0xd00dfeed;
const HEADER_BYTES = 40;
const TOKEN = { beginNode: 1, endNode: 2, property: 3, nop: 4 } as const;
/** Offsets of header fields. */
const AT = {
  magic: 0,
  totalSize: 4,
  structure: 8,
  strings: 12,
  reservations: 16,
  stringsSize: 32,
  structureSize: 36,
};

/** The tree with these text properties on its root; of a name that is there already the value is replaced. */
export function withRootProperties(
  tree: Uint8Array,
  properties: Readonly<Record<string, string>>,
): Uint8Array {
  const view = new DataView(tree.buffer, tree.byteOffset, tree.byteLength);
  if (tree.length < HEADER_BYTES || view.getUint32(AT.magic) !== MAGIC)
    throw new RangeError("this is no device tree");
  const part = (at: number, size: number): Uint8Array => tree.subarray(at, at + size);
  const structure = part(view.getUint32(AT.structure), view.getUint32(AT.structureSize));
  const strings = part(view.getUint32(AT.strings), view.getUint32(AT.stringsSize));
  const names = Object.keys(properties);
  const added = Buffer.from(names.map((name) => `${name}\0`).join(""));
  const nameAt = (index: number): number =>
    strings.length + names.slice(0, index).reduce((sum, name) => sum + name.length + 1, 0);
  const records = Object.values(properties).map((value, index) =>
    property(nameAt(index), Buffer.from(`${value}\0`)),
  );
  const { begin, rest } = withoutProperties(structure, strings, new Set(names));
  const newStructure = Buffer.concat([begin, ...records, rest]);
  const reservations = part(
    view.getUint32(AT.reservations),
    view.getUint32(AT.structure) - view.getUint32(AT.reservations),
  );
  const header = Buffer.from(tree.subarray(0, HEADER_BYTES));
  const structureAt = HEADER_BYTES + reservations.length;
  const stringsAt = structureAt + newStructure.length;
  header.writeUInt32BE(stringsAt + strings.length + added.length, AT.totalSize);
  header.writeUInt32BE(HEADER_BYTES, AT.reservations);
  header.writeUInt32BE(structureAt, AT.structure);
  header.writeUInt32BE(newStructure.length, AT.structureSize);
  header.writeUInt32BE(stringsAt, AT.strings);
  header.writeUInt32BE(strings.length + added.length, AT.stringsSize);
  return Buffer.concat([header, reservations, newStructure, strings, added]);
}

function property(nameAt: number, value: Uint8Array): Uint8Array {
  const bytes = Buffer.alloc(12 + padded(value.length));
  bytes.writeUInt32BE(TOKEN.property, 0);
  bytes.writeUInt32BE(value.length, 4);
  bytes.writeUInt32BE(nameAt, 8);
  bytes.set(value, 12);
  return bytes;
}

/** The root's first token and name, and what follows it without the properties of those names. */
function withoutProperties(
  structure: Uint8Array,
  strings: Uint8Array,
  names: ReadonlySet<string>,
): { begin: Uint8Array; rest: Uint8Array } {
  const view = new DataView(structure.buffer, structure.byteOffset, structure.byteLength);
  let at = 0;
  while (view.getUint32(at) === TOKEN.nop) at += 4;
  // The root's name is empty: one NUL, padded.
  const first = at + 8;
  const kept: Uint8Array[] = [];
  at = first;
  for (;;) {
    const token = view.getUint32(at);
    if (token === TOKEN.nop) at += 4;
    if (token !== TOKEN.property && token !== TOKEN.nop) break;
    if (token === TOKEN.nop) continue;
    const end = at + 12 + padded(view.getUint32(at + 4));
    const nameAt = view.getUint32(at + 8);
    const name = new TextDecoder().decode(strings.subarray(nameAt, strings.indexOf(0, nameAt)));
    if (!names.has(name)) kept.push(structure.subarray(at, end));
    at = end;
  }
  return { begin: structure.subarray(0, first), rest: Buffer.concat([...kept, structure.subarray(at)]) };
}

const padded = (length: number): number => (length + 3) & ~3;
