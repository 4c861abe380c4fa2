/** Follows a commit or an export to its end; an interrupted command stops it, and nothing of it stays. */
import { setTimeout as sleep } from "node:timers/promises";
import type { z } from "zod";
import { ApplianceError, formatSize } from "../appliance/index.ts";
import { JobSchema } from "../web/index.ts";
import { type Api, call, order } from "./backend.ts";
import { ProgressLine } from "./progress-line.ts";

export type Job = z.infer<typeof JobSchema>;

const FOLLOW_MS = 150;

/** Shows the progress of a job until it ends. Throws its failure. */
export async function followCopy(
  api: Api,
  first: Job,
  { label, quiet }: { readonly label: string; readonly quiet: boolean },
): Promise<Job> {
  const line = new ProgressLine(label, quiet);
  const interruption = new AbortController();
  const interrupt = (): void => interruption.abort();
  process.on("SIGINT", interrupt);
  process.on("SIGTERM", interrupt);
  try {
    let job = first;
    while (job.state === "running") {
      if (interruption.signal.aborted) await order(api, "DELETE", `/api/jobs/${first.id}`);
      else await sleep(FOLLOW_MS);
      job = await call(api, "GET", `/api/jobs/${first.id}`, { schema: JobSchema });
      line.show({
        step: formatSize(job.done_bytes),
        fraction:
          job.total_bytes === null ? null : Math.min(1, job.done_bytes / Math.max(1, job.total_bytes)),
        etaSeconds: job.eta_seconds,
      });
    }
    if (job.error) throw new ApplianceError(job.error.code, job.error.message, job.error.fix ?? undefined);
    return job;
  } finally {
    line.end();
    process.off("SIGINT", interrupt);
    process.off("SIGTERM", interrupt);
  }
}
