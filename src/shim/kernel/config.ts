/** Comparison of what we ask of Kconfig with what it made of it. */

/**
 * Lines of a fragment that a .config does not honour, e.g. because a symbol is gone or lacks a dependency.
 * "CONFIG_X=n" is honoured when CONFIG_X is unset.
 */
export function unmetLines(fragment: string, config: string): string[] {
  const set = new Map(assignments(config));
  return [...assignments(fragment)]
    .filter(([symbol, value]) => (set.get(symbol) ?? "n") !== value)
    .map(([symbol, value]) => `${symbol}=${value}`);
}

function* assignments(text: string): Generator<[symbol: string, value: string]> {
  for (const [, symbol, value] of text.matchAll(/^(CONFIG_\w+)=(.*)$/gm)) yield [symbol ?? "", value ?? ""];
}
