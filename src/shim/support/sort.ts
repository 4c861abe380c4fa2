/** Order of paths that is the same on every machine: no locale has a say. */
export function byCodePoint(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
