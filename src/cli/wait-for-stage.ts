/** Follows the events of one Pi until it has come far enough, or has stopped. */
import type { z } from "zod";
import {
  ApplianceError,
  type BootStage,
  formatDuration,
  hasReached,
  isBootStage,
  parsePiKey,
} from "../appliance/index.ts";
import { EventSchema } from "../web/index.ts";
import type { Api } from "./backend.ts";
import { readEvents } from "./sse.ts";

export type StepEvent = z.infer<typeof EventSchema>;

export interface WaitOptions {
  readonly serial: string;
  readonly until: BootStage;
  readonly timeoutMs: number;
  readonly sinceMs: number;
  readonly quiet: boolean;
}

/** The shim tries again after a failure: only one that it does not get past in this time has stopped the boot. */
const FAILURE_GRACE_MS = 30_000;

/**
 * Resolves with the event by which the stage was reached. Throws ApplianceError "timeout", or "boot-failed" with the
 * words and the remedy of the step that failed.
 */
export async function waitForStage(api: Api, options: WaitOptions): Promise<StepEvent> {
  const key = parsePiKey(options.serial);
  if (key === undefined)
    throw new ApplianceError("bad-request", `"${options.serial}" is neither a serial number nor a MAC`);
  const abort = new AbortController();
  const begun = Date.now();
  const timer = setTimeout(() => abort.abort(), options.timeoutMs);
  let failed: StepEvent | undefined;
  let failureTimer: ReturnType<typeof setTimeout> | undefined;
  let latest: StepEvent | undefined;
  try {
    const response = await api.fetch("/api/events?after=0", { signal: abort.signal });
    for await (const event of readEvents(response, EventSchema)) {
      if (event.pi !== key || event.at < begun - options.sinceMs || !isBootStage(event.stage)) continue;
      latest = event;
      if (!options.quiet) process.stderr.write(`${event.stage} ${event.state}: ${event.detail}\n`);
      if (event.state === "ok" && hasReached(event.stage, options.until)) return event;
      if (event.state === "fail" && !failed) {
        failed = event;
        failureTimer = setTimeout(() => abort.abort(), FAILURE_GRACE_MS);
      }
      if (
        event.state === "ok" &&
        failed &&
        isBootStage(failed.stage) &&
        hasReached(event.stage, failed.stage)
      ) {
        failed = undefined;
        clearTimeout(failureTimer);
      }
    }
    throw new ApplianceError("not-serving", "The server ended while we waited");
  } catch (error) {
    if (!abort.signal.aborted) throw error;
    throw failed ? stopped(failed) : timedOut(options, latest);
  } finally {
    clearTimeout(timer);
    clearTimeout(failureTimer);
    abort.abort();
  }
}

function stopped({ pi, stage, detail, fix }: StepEvent): ApplianceError {
  return new ApplianceError("boot-failed", `Pi ${pi} stopped at ${stage}: ${detail}`, fix ?? undefined);
}

function timedOut({ serial, until, timeoutMs }: WaitOptions, latest: StepEvent | undefined): ApplianceError {
  const so = latest
    ? `the last that was seen of it is ${latest.stage} ${latest.state}: ${latest.detail}`
    : "nothing was seen of it: is it on, wired, and set to boot from the network?";
  return new ApplianceError(
    "timeout",
    `Pi ${serial} has not reached ${until} in ${formatDuration(timeoutMs)}; ${so}`,
    latest?.fix ?? undefined,
  );
}
