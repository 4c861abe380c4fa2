/** How to start this program again: the binary, or Bun with the entry point. */

/** True in a binary made by `bun build --compile`, whose files lie in a file system of its own. */
export const isCompiled: boolean = Bun.main.startsWith("/$bunfs/") || /^B:[/\\]~BUN/i.test(Bun.main);

/** The command, to which arguments can be added. */
export const selfCommand: readonly string[] = isCompiled ? [process.execPath] : [process.execPath, Bun.main];
