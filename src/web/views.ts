/** The appliance's records as the API shows them. */
import type { z } from "@hono/zod-openapi";
import {
  type Appliance,
  type Assignment,
  BLANK,
  type Catalog,
  type ImportJob,
  piCode,
  type PiView,
  type SessionRecord,
  type Snapshot,
  type Traffic,
} from "../appliance/index.ts";
import type {
  CatalogSchema,
  CreatedSessionSchema,
  ImageSchema,
  ImportSchema,
  PiSchema,
  SessionSchema,
  TrafficSchema,
} from "./schemas.ts";

import type { SnapshotSchema } from "./session-schemas.ts";

export type LibraryImage = ReturnType<Appliance["library"]["list"]>[number];

const iso = (ms: number): string => new Date(ms).toISOString();

/** The answer to a create: the only time that the secret is shown. */
export function createdSessionView(
  appliance: Appliance,
  session: SessionRecord,
  portal: string,
): z.infer<typeof CreatedSessionSchema> {
  return {
    id: session.id,
    iqn: session.iqn,
    portal,
    chap_user: session.chapUser,
    chap_secret: session.chapSecret,
    luns: lunsView(appliance, session),
    persistent: session.persistent,
    created_at: iso(session.createdAt),
    expires_at: session.expiresAt === null ? null : iso(session.expiresAt),
  };
}

export function sessionView(
  appliance: Appliance,
  session: SessionRecord,
  portal: string,
): z.infer<typeof SessionSchema> {
  const { chap_secret: _secret, ...shown } = createdSessionView(appliance, session, portal);
  const fence = appliance.sessions.fence.fenceOf(session.id);
  const initiators = appliance.sessions.live.initiatorsOf(session.iqn);
  return {
    ...shown,
    pi: session.pi,
    connected_from: [...new Set(initiators.map(({ address }) => address))],
    initiators: initiators.map(({ name, address }) => ({ name, address })),
    allocated_bytes: appliance.sessions.allocatedBytes(session),
    used_bytes: appliance.sessions.chargedBytes(session),
    quota_bytes: session.quotaBytes,
    state: appliance.sessions.stateOf(session),
    traffic: trafficView(appliance.sessions.live.trafficOf(session.iqn)),
    suspended_at: session.suspendedAt === null ? null : iso(session.suspendedAt),
    evict_at: session.suspendedAt === null ? null : iso(session.suspendedAt + session.evictAfterMs),
    branch_of: session.branchOf,
    snapshots: appliance.life.snapshots(session.id).map(({ name }) => name),
    fenced: fence && { since: iso(fence.since), initiators: [...fence.initiators] },
  };
}

export function trafficView(traffic: Traffic): z.infer<typeof TrafficSchema> {
  return {
    read_bytes: traffic.readBytes,
    written_bytes: traffic.writtenBytes,
    read_bytes_per_second: traffic.readBytesPerSecond,
    written_bytes_per_second: traffic.writtenBytesPerSecond,
  };
}

export function snapshotView(snapshot: Snapshot): z.infer<typeof SnapshotSchema> {
  const { id, name, session, live, createdAt } = snapshot;
  return { id, name, session, created_at: iso(createdAt), crash_consistent: live };
}

export function imageView(image: LibraryImage): z.infer<typeof ImageSchema> {
  return {
    id: image.id,
    name: image.names[0] ?? image.id.slice(0, 12),
    names: [...image.names],
    size_bytes: image.sizeBytes,
    imported_at: image.id === BLANK ? null : image.importedAt,
    source: image.id === BLANK ? null : image.source.label,
  };
}

export function importView(
  job: ImportJob,
  { imports }: Pick<Appliance, "imports">,
): z.infer<typeof ImportSchema> {
  const { doneBytes, totalBytes, writtenBytes, etaSeconds, alreadyThere, ...same } = job;
  return {
    ...same,
    done_bytes: doneBytes,
    total_bytes: totalBytes,
    written_bytes: writtenBytes,
    eta_seconds: etaSeconds,
    already_there: alreadyThere,
    upload_offset: imports.uploadOffset(job.id),
  };
}

export function catalogView(
  { repo, entries, troubles }: Catalog,
  { library }: Appliance,
): z.infer<typeof CatalogSchema> {
  return {
    repo,
    troubles: [...troubles],
    entries: entries.map((entry) => ({
      name: entry.name,
      title: entry.title,
      description: entry.description,
      group: [...entry.group],
      url: entry.url,
      download_bytes: entry.downloadBytes,
      size_bytes: entry.imageBytes,
      release_date: entry.releaseDate,
      init_format: entry.initFormat,
      architecture: entry.architecture,
      devices: [...entry.devices],
      checked: entry.sourceSha256 !== null || entry.imageSha256 !== null,
      ever_fetched: entry.everFetched,
      image: entry.builtIn ? BLANK : (library.find(entry.imageSha256 ?? entry.name)?.id ?? null),
    })),
  };
}

export function piView(pi: PiView): z.infer<typeof PiSchema> {
  const { firstSeen, lastSeen, sessions, assignment, ...same } = pi;
  return {
    ...same,
    code: piCode(pi.key),
    assignment: assignment && assignmentView(assignment),
    sessions: [...sessions],
    first_seen: iso(firstSeen),
    last_seen: iso(lastSeen),
  };
}

function assignmentView({
  readOnly,
  ...same
}: Assignment): NonNullable<z.infer<typeof PiSchema>["assignment"]> {
  return { ...same, read_only: readOnly };
}

function lunsView({ library }: Appliance, { luns }: SessionRecord) {
  return luns.map(({ lun, image, sizeBytes }) => ({
    lun,
    image: library.find(image)?.names[0] ?? image,
    size_bytes: sizeBytes,
  }));
}
