/** What a Ctrl-C does to a command that is at work. */

/** Runs `work` with a signal that aborts when a person or a script interrupts the command. */
export async function untilInterrupted<T>(work: (interrupt: AbortSignal) => Promise<T>): Promise<T> {
  const interruption = new AbortController();
  const interrupt = (): void => interruption.abort();
  process.on("SIGINT", interrupt);
  process.on("SIGTERM", interrupt);
  try {
    return await work(interruption.signal);
  } finally {
    process.off("SIGINT", interrupt);
    process.off("SIGTERM", interrupt);
  }
}
