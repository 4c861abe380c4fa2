import { useState } from "preact/hooks";
import { refresh } from "../state.ts";

export interface Action {
  /** Runs the work unless it runs already; the lists are fetched anew when it is done. */
  readonly run: (work: () => Promise<unknown>) => void;
  readonly busy: boolean;
  /** Why the last one failed, or undefined. */
  readonly error: unknown;
}

/** For a button that asks the server for something. */
export function useAction(): Action {
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState<unknown>();
  return {
    busy,
    error,
    run(work) {
      if (busy) return;
      setBusy(true);
      setError(undefined);
      work()
        .then(refresh)
        .catch(setError)
        .finally(() => setBusy(false));
    },
  };
}
