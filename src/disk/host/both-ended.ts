/** Waits for both to end, so that nothing of either is under way any more; then throws what the first or the second threw. */
export async function bothEnded<A, B>(
  first: A | Promise<A>,
  second: B | Promise<B>,
): Promise<readonly [A, B]> {
  await Promise.allSettled([first, second]);
  return [await first, await second];
}
