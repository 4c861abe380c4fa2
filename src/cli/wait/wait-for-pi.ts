/** Follows the events and the console of one Pi until it has come far enough, or has stopped. */
import { z } from "zod";
import {
  ApplianceError,
  formatDuration,
  hasReached,
  isBootStage,
  parsePiKey,
} from "../../appliance/index.ts";
import { EventSchema } from "../../web/index.ts";
import { type Api, read } from "../backend.ts";
import { readEvents } from "../sse.ts";
import { WaitFailure } from "./failure.ts";
import { type Until, untilWords } from "./until.ts";

export type StepEvent = z.infer<typeof EventSchema>;

export interface WaitOptions {
  readonly pi: string;
  readonly until: Until;
  readonly timeoutMs: number;
  readonly sinceMs: number;
  /** Called with each line: a step of the boot, or a line of the console. */
  readonly onLine: (line: string) => void;
}

export interface Reached {
  readonly pi: string;
  /** The step by which the stage was reached, or null for words. */
  readonly event: StepEvent | null;
  /** The line that has the words, or null for a stage. */
  readonly line: string | null;
}

/** The shim tries again after a failure: only one that it does not get past in this time has stopped the boot. */
const FAILURE_GRACE_MS = 30_000;

const LineSchema = z.object({ id: z.number(), at: z.number(), text: z.string() });

/**
 * Resolves when it was reached. Throws WaitFailure: "timeout", "boot-failed" with the words and the remedy of the step
 * that failed, "not-serving" when the server went away.
 */
export async function waitForPi(api: Api, options: WaitOptions): Promise<Reached> {
  const { until, timeoutMs, sinceMs, onLine } = options;
  const pi = await keyOf(api, options.pi);
  const since = Date.now() - sinceMs;
  const abort = new AbortController();
  const { promise, resolve, reject } = Promise.withResolvers<Reached>();
  let failed: StepEvent | undefined;
  let latest: StepEvent | undefined;
  let failureTimer: ReturnType<typeof setTimeout> | undefined;
  const timer = setTimeout(() => reject(failed ? stopped(failed) : timedOut(options, latest)), timeoutMs);

  const lineCame = (line: string): void => {
    onLine(line);
    if (until.kind === "text" && line.includes(until.text)) resolve({ pi, event: null, line });
  };
  const stepCame = (event: StepEvent): void => {
    if (event.pi !== pi || event.at < since || !isBootStage(event.stage)) return;
    latest = event;
    lineCame(lineOf(event));
    if (event.state === "ok") {
      if (until.kind === "stage" && hasReached(event.stage, until.stage)) resolve({ pi, event, line: null });
      if (failed && isBootStage(failed.stage) && hasReached(event.stage, failed.stage)) {
        failed = undefined;
        clearTimeout(failureTimer);
      }
    }
    if (event.state === "fail" && !failed) {
      failed = event;
      failureTimer = setTimeout(() => reject(stopped(event)), FAILURE_GRACE_MS);
    }
  };
  const init = { signal: abort.signal };
  async function follow<T>(
    stream: Promise<Pick<Response, "body">>,
    schema: z.ZodType<T>,
    take: (item: T) => void,
  ): Promise<void> {
    try {
      for await (const item of readEvents(await stream, schema)) take(item);
      reject(gone());
    } catch (error) {
      reject(error instanceof ApplianceError ? error : gone());
    }
  }
  try {
    const query = { after: 0 };
    void follow(api.client.events.$get({ query }, { init }), EventSchema, stepCame);
    const lines = api.client.pis[":key"].console.$get({ param: { key: pi }, query }, { init });
    void follow(lines, LineSchema, ({ at, text }) => {
      if (at >= since) lineCame(text);
    });
    return await promise;
  } finally {
    clearTimeout(timer);
    clearTimeout(failureTimer);
    abort.abort();
  }
}

/** As the shim writes it on the Pi's own console. */
function lineOf({ stage, state, detail, fix }: StepEvent): string {
  return `[pinetboot] stage=${stage} state=${state} ${detail}${fix === null ? "" : ` - ${fix}`}`;
}

/** A Pi that was not seen yet has neither a name nor a code. */
async function keyOf(api: Api, name: string): Promise<string> {
  try {
    return (await read(api.client.pis[":key"].$get({ param: { key: name } }))).key;
  } catch (error) {
    const key = parsePiKey(name);
    if (key !== undefined) return key;
    throw error;
  }
}

function gone(): WaitFailure {
  return new WaitFailure(
    "not-serving",
    "The server went away while we waited",
    "Start it again: pinetboot serve",
  );
}

function stopped({ pi, stage, detail, fix }: StepEvent): WaitFailure {
  return new WaitFailure("boot-failed", `Pi ${pi} stopped at ${stage}: ${detail}`, fix ?? undefined);
}

function timedOut({ pi, until, timeoutMs }: WaitOptions, latest: StepEvent | undefined): WaitFailure {
  const so = latest
    ? `the last that was seen of it is ${latest.stage} ${latest.state}: ${latest.detail}`
    : "nothing was seen of it: is it on, wired, and set to boot from the network?";
  return new WaitFailure(
    "timeout",
    `Pi ${pi} has not reached ${untilWords(until)} in ${formatDuration(timeoutMs)}; ${so}`,
    latest?.fix ?? undefined,
  );
}
