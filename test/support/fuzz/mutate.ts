/** Changes to bytes that know nothing of what they mean; a target has its own for what they do mean. */
import type { Random } from "./random.ts";

/** Inputs grow no longer than this by insertion. */
const MAX_INPUT_BYTES = 256 * 1024;

type Mutation = (input: Uint8Array, random: Random) => Uint8Array;

const MUTATIONS: readonly Mutation[] = [
  (input, random) => change(input, (copy) => flip(copy, random)),
  (input, random) => change(input, (copy) => (copy[random.below(copy.length)] = random.edge(8))),
  (input, random) => change(input, (copy) => setNumber(copy, random, 2)),
  (input, random) => change(input, (copy) => setNumber(copy, random, 4)),
  (input, random) => splice(input, random.below(input.length + 1), 0, random.bytes(random.between(1, 16))),
  (input, random) => {
    const at = random.below(input.length);
    return splice(input, at, random.between(1, Math.min(16, input.length - at)));
  },
  (input, random) => {
    const at = random.below(input.length);
    const piece = input.subarray(at, at + random.between(1, 64));
    return splice(input, random.below(input.length + 1), 0, piece);
  },
  (input, random) => input.slice(0, random.below(input.length)),
];

/** One change; an empty input is filled. */
export function mutateBytes(input: Uint8Array, random: Random): Uint8Array {
  if (input.length === 0) return random.bytes(random.between(1, 64));
  const changed = random.pick(MUTATIONS)(input, random);
  return changed.length > MAX_INPUT_BYTES ? changed.slice(0, MAX_INPUT_BYTES) : changed;
}

/** A copy with `remove` bytes at `at` replaced by `insert`. */
export function splice(
  input: Uint8Array,
  at: number,
  remove: number,
  insert: Uint8Array = new Uint8Array(0),
): Uint8Array {
  const result = new Uint8Array(input.length - remove + insert.length);
  result.set(input.subarray(0, at));
  result.set(insert, at);
  result.set(input.subarray(at + remove), at + insert.length);
  return result;
}

/** List changes: one element dropped, doubled, moved, or taken from another list. */
export function mutateList<T>(list: readonly T[], random: Random, others: readonly T[]): T[] {
  const copy = [...list];
  const at = random.below(copy.length + 1);
  const [chosen] = copy.slice(at, at + 1);
  switch (random.below(4)) {
    case 0:
      copy.splice(at, 1);
      break;
    case 1:
      if (chosen !== undefined) copy.splice(at, 0, chosen);
      break;
    case 2:
      if (chosen !== undefined) copy.splice(random.below(copy.length), 0, ...copy.splice(at, 1));
      break;
    default:
      if (others.length > 0) copy.splice(at, 0, random.pick(others));
  }
  return copy;
}

function change(input: Uint8Array, how: (copy: Uint8Array) => void): Uint8Array {
  const copy = input.slice();
  how(copy);
  return copy;
}

function flip(copy: Uint8Array, random: Random): void {
  const at = random.below(copy.length);
  copy[at] = (copy[at] ?? 0) ^ (1 << random.below(8));
}

/** Big-endian, as protocols are; little-endian now and then, as disks may be. */
function setNumber(copy: Uint8Array, random: Random, bytes: number): void {
  const at = random.below(Math.max(1, copy.length - bytes + 1));
  const isLittle = random.chance(25);
  let value = random.edge(8 * bytes);
  for (let i = 0; i < bytes; i++) {
    const to = at + (isLittle ? i : bytes - 1 - i);
    if (to < copy.length) copy[to] = value % 256;
    value = Math.floor(value / 256);
  }
}
