/** Copies and space as the API shows them. */
import type { z } from "@hono/zod-openapi";
import { type Appliance, BLANK, type CopyJob, type StorageUsage } from "../appliance/index.ts";
import type { HistorySchema, JobSchema, StorageSchema } from "./storage-schemas.ts";

export function jobView(job: CopyJob): z.infer<typeof JobSchema> {
  const { doneBytes, totalBytes, etaSeconds, writtenBytes, ...same } = job;
  return {
    ...same,
    done_bytes: doneBytes,
    total_bytes: totalBytes,
    eta_seconds: etaSeconds,
    written_bytes: writtenBytes,
  };
}

/** The image and what it came from, down to what was imported, as far as the records go. Throws "unknown-image". */
export function historyView(library: Appliance["library"], nameOrId: string): z.infer<typeof HistorySchema> {
  const image = library.get(nameOrId);
  const { lineage = [] } = image;
  return [{ image: image.id, name: image.names[0] ?? null }, ...lineage].map(({ image: id, name }, index) => {
    const there = library.find(id);
    const step = lineage[index];
    const at = step?.snapshot == null ? "" : ` at ${step.snapshot}`;
    const imported = there && id !== BLANK ? `imported from ${there.source.label}` : "unknown";
    return {
      image: id,
      name: there?.names[0] ?? name,
      in_library: there !== undefined,
      size_bytes: there?.sizeBytes ?? null,
      made_at: step?.at ?? (there && id !== BLANK ? there.importedAt : null),
      by: step ? `committed from session ${step.session}${at}` : id === BLANK ? "built in" : imported,
    };
  });
}

export function storageView({ rows, totalBytes, host }: StorageUsage): z.infer<typeof StorageSchema> {
  return {
    rows: rows.map(({ kind, id, name, sizeBytes, exclusiveBytes, sharedBytes, users }) => ({
      kind,
      id,
      name,
      size_bytes: sizeBytes,
      exclusive_bytes: exclusiveBytes,
      shared_bytes: sharedBytes,
      users,
    })),
    total_bytes: totalBytes,
    host_size_bytes: host.sizeBytes,
    host_free_bytes: host.freeBytes,
  };
}
