/** How to start this program again: the binary, or Bun with the entry point. */
import { realpathSync } from "node:fs";
import { relative } from "node:path";

/** True in a binary made by `bun build --compile`, whose files lie in a file system of its own. */
export const isCompiled: boolean = Bun.main.startsWith("/$bunfs/") || /^B:[/\\]~BUN/i.test(Bun.main);

/** The command, to which arguments can be added. */
export const selfCommand: readonly string[] = isCompiled ? [process.execPath] : [process.execPath, Bun.main];

/** What a person types in this folder to start this program: its name alone where the shell finds it by that. */
export function typedCommand(): string {
  const found = Bun.which("pinetboot");
  if (!isCompiled || (found !== null && realpathSync(found) === realpathSync(process.execPath)))
    return "pinetboot";
  const path = relative(process.cwd(), process.execPath);
  return path.startsWith("..") ? process.execPath : `./${path}`;
}
