/** Follows what the server works at (an import, a commit, an export) to its end. */
import { setTimeout as sleep } from "node:timers/promises";
import { ApplianceError, type ErrorCode } from "../appliance/index.ts";
import { ProgressLine } from "./progress-line.ts";

const FOLLOW_MS = 150;

/** What imports and copies have in common. */
interface Job {
  readonly state: "running" | "done" | "failed";
  readonly done_bytes: number;
  readonly total_bytes: number | null;
  readonly eta_seconds: number | null;
  readonly error: {
    readonly code: ErrorCode;
    readonly message: string;
    readonly fix: string | null;
  } | null;
}

export interface FollowOptions<J> {
  readonly label: string;
  readonly quiet: boolean;
  /** Stops the job; nothing of it stays. */
  readonly interrupt: AbortSignal;
  readonly look: () => Promise<J>;
  readonly cancel: () => Promise<unknown>;
  /** What it does now, in words. */
  readonly step: (job: J) => string;
}

/** Shows the progress of a job until it ends. Throws its failure, or "not-serving" when the server went away. */
export async function followJob<J extends Job>(first: J, options: FollowOptions<J>): Promise<J> {
  const { label, quiet, interrupt, look, cancel, step } = options;
  const line = new ProgressLine(label, quiet);
  try {
    let job = first;
    while (job.state === "running") {
      if (interrupt.aborted) await cancel();
      else await sleep(FOLLOW_MS, undefined, { signal: interrupt }).catch(() => undefined);
      job = await stillThere(look);
      line.show({ step: step(job), fraction: fractionOf(job), etaSeconds: job.eta_seconds });
    }
    if (job.error) throw new ApplianceError(job.error.code, job.error.message, job.error.fix ?? undefined);
    return job;
  } finally {
    line.end();
  }
}

function fractionOf({ done_bytes: done, total_bytes: total }: Job): number | null {
  return total === null ? null : Math.min(1, done / Math.max(1, total));
}

/** A job ends with the server that carries it out. */
async function stillThere<J>(look: () => Promise<J>): Promise<J> {
  try {
    return await look();
  } catch (error) {
    if (error instanceof ApplianceError && error.code !== "not-serving") throw error;
    throw new ApplianceError(
      "not-serving",
      "The server was stopped, and what it worked at with it",
      "Run the same command again.",
      { cause: error },
    );
  }
}
