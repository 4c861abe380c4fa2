import { useEffect, useState } from "preact/hooks";

/** What is on no event stream is asked for again this often, while it is looked at. */
const AGAIN_MS = 5_000;

/** The latest answer of `ask`, which is called every few seconds and by `again`; undefined until the first. */
export function usePolled<T>(ask: () => Promise<T>): {
  readonly value: T | undefined;
  readonly again: () => Promise<void>;
} {
  const [value, setValue] = useState<T>();
  const again = async (): Promise<void> => {
    const answer = await ask();
    setValue(() => answer);
  };
  useEffect(() => {
    // A server that does not answer is told at the top of the page; what was known stays.
    const look = (): void => void again().catch(() => undefined);
    look();
    const timer = setInterval(look, AGAIN_MS);
    return () => clearInterval(timer);
  }, []);
  return { value, again };
}
