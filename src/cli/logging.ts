/** What the server says on the terminal: events as they happen, pretty for people or one JSON document a line. */
import { configure, getLogger, type LogRecord } from "@logtape/logtape";
import type { ApplianceEvent } from "../appliance/index.ts";
import { inColour } from "./output.ts";

export const LOG_FORMATS = ["pretty", "json"] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

const STATE_MARKS = { start: "..", progress: "..", ok: "ok", fail: "!!" } as const;
const COLOURS = { start: 2, progress: 2, ok: 32, fail: 31 } as const;

export interface ServerLog {
  /** One event: `{"event":"step", ...}`. */
  step(event: ApplianceEvent): void;
  /** The services are up, with the real ports: `{"event":"ready", ...}`. */
  ready(document: object, words: string): void;
  /** Something that a person should know: `{"event":"note", ...}`. */
  note(words: string): void;
}

/** Sets up the log on stdout. */
export async function openLog(format: LogFormat): Promise<ServerLog> {
  await configure({
    reset: true,
    sinks: {
      stdout: (record: LogRecord) => void process.stdout.write(`${String(record.properties["line"])}\n`),
    },
    loggers: [
      { category: "pinetboot", sinks: ["stdout"], lowestLevel: "info" },
      { category: ["logtape", "meta"], sinks: [], lowestLevel: "error" },
    ],
  });
  const logger = getLogger("pinetboot");
  const write = (level: "info" | "warning", document: object, words: string): void =>
    logger[level]("{line}", { line: format === "json" ? JSON.stringify(document) : words });
  return {
    step: (event) =>
      write(event.state === "fail" ? "warning" : "info", { event: "step", ...event }, stepWords(event)),
    ready: (document, words) => write("info", { event: "ready", ...document }, words),
    note: (words) => write("info", { event: "note", message: words }, words),
  };
}

function stepWords({ at, pi, stage, state, detail, fix }: ApplianceEvent): string {
  const time = new Date(at).toTimeString().slice(0, 8);
  const mark = paint(STATE_MARKS[state], COLOURS[state]);
  const who = pi === null ? "" : `${paint(pi, 36)} `;
  return `${time} ${mark} ${who}${stage}: ${detail}${fix === null ? "" : `\n            -> ${fix}`}`;
}

function paint(words: string, colour: number): string {
  return inColour() ? `\u001b[${colour}m${words}\u001b[0m` : words;
}
