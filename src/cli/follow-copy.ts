/** Follows a commit or an export to its end; an interrupted command stops it, and nothing of it stays. */
import { formatSize } from "../appliance/index.ts";
import type { Answered, ApiClient } from "../web/index.ts";
import { type Api, read } from "./backend.ts";
import { followJob } from "./follow-job.ts";
import { untilInterrupted } from "./interruption.ts";

export type Job = Answered<Awaited<ReturnType<ApiClient["jobs"][":id"]["$get"]>>>;

/** Shows the progress of a job until it ends. Throws its failure. */
export function followCopy(
  { client }: Api,
  first: Job,
  { label, quiet }: { readonly label: string; readonly quiet: boolean },
): Promise<Job> {
  const job = client.jobs[":id"];
  const param = { id: first.id };
  return untilInterrupted((interrupt) =>
    followJob(first, {
      label,
      quiet,
      interrupt,
      look: () => read(job.$get({ param })),
      cancel: () => job.$delete({ param }),
      step: ({ done_bytes }) => formatSize(done_bytes),
    }),
  );
}
