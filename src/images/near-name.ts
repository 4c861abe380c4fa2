/** What a person may have meant who wrote a name that there is none of. */

/** Comparing takes the product of the lengths; longer names are ids, which nobody types. */
const COMPARED_MAX_CHARS = 64;

/**
 * The one of `names` that is nearest to `typed`: which begins with it, or differs in few letters. Undefined when none is
 * near. Letters of either case are the same.
 */
export function nearName(typed: string, names: Iterable<string>): string | undefined {
  const word = typed.toLowerCase();
  if (word === "" || word.length > COMPARED_MAX_CHARS) return undefined;
  let nearest: { readonly name: string; readonly distance: number } | undefined;
  for (const name of names) {
    const other = name.toLowerCase();
    const distance = other.startsWith(word) ? 1 : distanceOf(word, other);
    const isNear = distance <= Math.max(1, Math.floor(word.length / 3));
    if (isNear && (nearest === undefined || distance < nearest.distance)) nearest = { name, distance };
  }
  return nearest?.name;
}

/** "Did you mean NAME? " before a remedy, or the remedy alone. */
export function withNearName(typed: string, names: Iterable<string>, fix: string): string {
  const name = nearName(typed, names);
  return name === undefined ? fix : `Did you mean ${name}? ${fix}`;
}

/** Letters to add, take away, change, or swap with their neighbour (optimal string alignment). */
function distanceOf(one: string, other: string): number {
  if (Math.abs(one.length - other.length) > COMPARED_MAX_CHARS / 3) return COMPARED_MAX_CHARS;
  let before: number[] = [];
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (let i = 1; i <= one.length; i++) {
    const next = [i];
    for (let j = 1; j <= other.length; j++) {
      const changed = one[i - 1] === other[j - 1] ? 0 : 1;
      let least = Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + changed);
      const isSwapped = i > 1 && j > 1 && one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1];
      if (isSwapped) least = Math.min(least, (before[j - 2] ?? 0) + 1);
      next.push(least);
    }
    before = row;
    row = next;
  }
  return row[other.length] ?? 0;
}
