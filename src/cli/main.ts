/** Entry point: exit status 0 done, 1 failed, 2 usage; `pi wait` has more. */
import { ExitCode, proposeCompletions, run } from "@stricli/core";
import { widenThreadPool } from "../disk/host/thread-pool.ts";
import { createApp } from "./app.ts";
import { COMPLETE } from "./commands/completion.ts";

widenThreadPool();

const USAGE = 2;

const words = process.argv.slice(2);
/** Of several complaints about the words of one command the first is enough. */
let complaints = 0;
const context = {
  process: {
    env: process.env,
    stdout: process.stdout,
    stderr: {
      write(line: string) {
        if (line.trim() === "") return;
        complaints += 1;
        if (complaints === 1) process.stderr.write(line);
      },
    },
    exitCode: null as number | string | null,
  },
};

if (words[0] === COMPLETE) {
  const found = await proposeCompletions(createApp(false), words.slice(1), context);
  const names = found.map(({ completion }) => completion);
  // Who has typed nothing yet wants a name; flags are for who types a dash.
  const wanted = words.at(-1) === "" ? names.filter((name) => !name.startsWith("-")) : names;
  process.stdout.write(wanted.map((name) => `${name}\n`).join(""));
  process.exit(0);
}
await run(createApp(words.includes("--json")), asTyped(words), context);
/** Nothing at all is a question, and so is "help" as git and docker know it. */
function asTyped([first, ...rest]: readonly string[]): string[] {
  if (first === undefined) return ["--help"];
  return first === "help" ? [...rest, "--help"] : [first, ...rest];
}

const code = context.process.exitCode;
if (code === ExitCode.InvalidArgument || code === ExitCode.UnknownCommand) process.exit(USAGE);
process.exit(typeof code === "number" && code >= 0 ? code : 1);
