/** `pinetboot pi wait` */
import { closeSync, openSync, writeSync } from "node:fs";
import { buildCommand } from "@stricli/core";
import { ApplianceError, BOOT_STAGES, parseDuration, wordsOf } from "../../appliance/index.ts";
import { withServer } from "../backend.ts";
import { type CommonFlags, commonFlags, text } from "../flags.ts";
import { printJson } from "../output.ts";
import { onePi } from "../pi-selection.ts";
import { asWaitFailure, WAIT_EXITS } from "../wait/failure.ts";
import { parseUntil, type Until, UNTIL_WORDS } from "../wait/until.ts";
import { waitForPi } from "../wait/wait-for-pi.ts";

interface WaitFlags extends CommonFlags {
  readonly until: Until;
  readonly timeout: number;
  readonly since: number;
  readonly log?: string;
}

export const wait = buildCommand({
  docs: {
    brief: "Wait until a Pi has come so far; for scripts",
    fullDescription:
      "Exit status: 0 it was reached; " +
      `${WAIT_EXITS.timeout} the time is over; ${WAIT_EXITS["boot-failed"]} the Pi stopped, and said why; ` +
      `${WAIT_EXITS["not-serving"]} no server runs,\nor it went away; 1 something else, like a name of no Pi; 2 wrong words; 130 Ctrl-C.\n` +
      "The console is the kernel's log from the boot shim on, and what programs of the Pi's own system write to\n" +
      "/dev/kmsg; with a kernel's netconsole also what that sends.\n" +
      "Counts what happens from now on; --since also what happened a moment ago.\n\n" +
      "Examples:\n  pinetboot pi wait 8d3fa2c1 --until handover --timeout 5m\n" +
      "  pinetboot pi wait rack3-left --until 'TESTS PASSED' --timeout 30m --log rack3-left.log",
  },
  parameters: {
    flags: {
      ...commonFlags,
      until: {
        kind: "parsed",
        parse: parseUntil,
        proposeCompletions: (partial: string) => BOOT_STAGES.filter((stage) => stage.startsWith(partial)),
        brief: UNTIL_WORDS,
        placeholder: "what",
        default: "handover",
      },
      timeout: {
        kind: "parsed",
        parse: parseDuration,
        brief: "How long, like 90s or 5m",
        placeholder: "time",
        default: "5m",
      },
      since: {
        kind: "parsed",
        parse: parseDuration,
        brief: "Count what happened in this time before, too",
        placeholder: "time",
        default: "0",
      },
      log: {
        kind: "parsed",
        parse: text,
        brief: "Write its steps and its console to this file, line by line",
        placeholder: "file",
        optional: true,
      },
    },
    positional: onePi,
  },
  async func(flags: WaitFlags, pi: string) {
    const log = flags.log === undefined ? undefined : openLog(flags.log);
    const onLine = (line: string): void => {
      log?.write(line);
      if (!flags.json && line.startsWith("[pinetboot] ")) process.stderr.write(`${line}\n`);
    };
    try {
      const { until, timeout: timeoutMs, since: sinceMs } = flags;
      const reached = await withServer(flags, (api) =>
        waitForPi(api, { pi, until, timeoutMs, sinceMs, onLine }),
      );
      if (flags.json) printJson({ ...(reached.event ?? { pi: reached.pi }), line: reached.line });
      else if (reached.event)
        console.log(`Pi ${reached.pi} has reached ${reached.event.stage}. ${reached.event.detail}`.trimEnd());
      else console.log(`Pi ${reached.pi} said it: ${reached.line}`);
    } catch (error) {
      throw asWaitFailure(error);
    } finally {
      log?.close();
    }
  },
});

/** Each line is in the file before the next is looked at: a rig that is cut off has what came so far. */
function openLog(path: string): { write(line: string): void; close(): void } {
  try {
    const file = openSync(path, "w");
    return {
      write: (line) => void writeSync(file, `${new Date().toISOString()} ${line}\n`),
      close: () => closeSync(file),
    };
  } catch (error) {
    throw new ApplianceError(
      "bad-request",
      `${path} cannot be written: ${wordsOf(error)}`,
      "Choose another file with --log.",
    );
  }
}
