/**
 * A fuzzer without knowledge of coverage: inputs from a corpus, changed at random but by seed, given to a check.
 * Every run has a random sequence of its own, so that a finding is made again from its seed and number alone.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { mutateBytes } from "./mutate.ts";
import { Random } from "./random.ts";

export interface FuzzTarget {
  readonly name: string;
  /** What is changed; each passes the check as it is. */
  readonly corpus: readonly Uint8Array[];
  /** A change that knows what the input means. Half of all changes, where there is one. */
  readonly mutate?: (input: Uint8Array, random: Random) => Uint8Array;
  /** Cuts an input where it may be cut (the pieces joined are the input), for a small finding. */
  readonly pieces?: (input: Uint8Array) => readonly Uint8Array[];
  /** Throws when something is wrong. */
  readonly check: (input: Uint8Array) => void | Promise<void>;
}

/** Changes of one input; most bugs need few, some need several at once. */
const MAX_CHANGES = 6;

/** The input of one run; the first runs are the corpus itself. */
export function inputOf(target: FuzzTarget, seed: number, run: number): Uint8Array {
  const own = target.corpus[run];
  if (own) return own;
  const random = new Random(seed, run);
  let input = random.pick(target.corpus);
  for (let left = random.between(1, MAX_CHANGES); left > 0; left--)
    input = plain(
      target.mutate && random.chance(60) ? target.mutate(input, random) : mutateBytes(input, random),
    );
  return input;
}

/** A Buffer's `slice` shares its memory, which a change to the slice would change too. */
function plain(bytes: Uint8Array): Uint8Array {
  return bytes instanceof Buffer ? new Uint8Array(bytes) : bytes;
}

/** What the check says of an input: undefined, or the error. */
export async function failureOf(target: FuzzTarget, input: Uint8Array): Promise<unknown> {
  try {
    await target.check(input.slice());
    return undefined;
  } catch (error) {
    return error ?? new Error("undefined was thrown");
  }
}

/** Checks of a minimisation: enough for inputs of some hundred bytes. */
const MAX_MINIMISING_CHECKS = 1500;

/** A smaller input that the check fails on too. */
export async function minimise(target: FuzzTarget, found: Uint8Array): Promise<Uint8Array> {
  let best = plain(found);
  const budget = { checks: MAX_MINIMISING_CHECKS };
  const take = async (candidate: Uint8Array): Promise<boolean> => {
    if (budget.checks-- <= 0) return false;
    if ((await failureOf(target, candidate)) === undefined) return false;
    best = plain(candidate);
    return true;
  };
  if (target.pieces) {
    for (let at = target.pieces(best).length - 1; at >= 0; at--) {
      const rest = target.pieces(best).filter((_, i) => i !== at);
      await take(Buffer.concat(rest));
    }
  }
  for (let size = 2 ** Math.floor(Math.log2(Math.max(1, best.length))); size >= 1; size >>= 1) {
    for (let at = best.length - size; at >= 0 && budget.checks > 0; at -= size)
      await take(Buffer.concat([best.subarray(0, at), best.subarray(at + size)]));
  }
  for (let at = 0; at < best.length && budget.checks > 0; at++) {
    if (best[at] === 0) continue;
    const zeroed = best.slice();
    zeroed[at] = 0;
    await take(zeroed);
  }
  return best;
}

/**
 * The corpus files of a folder. Each is text: bytes in hexadecimal, `xx*N` for N of them, "quoted" for ASCII (with `\0`),
 * `#` for a comment to the end of the line.
 */
export function readCorpus(folder: string): Uint8Array[] {
  const names = readdirSync(folder).filter((name) => name.endsWith(".hex"));
  return names.toSorted().map((name) => parseHex(readFileSync(join(folder, name), "utf8")));
}

export function parseHex(text: string): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const [word, comment] of text.matchAll(/(#.*)|"[^"]*"|[^\s]+/g)) {
    if (comment !== undefined) continue;
    if (word.startsWith('"')) {
      parts.push(new TextEncoder().encode(word.slice(1, -1).replaceAll("\\0", "\0")));
      continue;
    }
    const [digits = "", times = "1"] = word.split("*");
    const bytes = Uint8Array.fromHex(digits);
    for (let left = Number(times); left > 0; left--) parts.push(bytes);
  }
  return plain(Buffer.concat(parts));
}
