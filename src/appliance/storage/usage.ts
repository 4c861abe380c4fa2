/** What the images and sessions of a data folder take on the host's disk, in real blocks. */
import { statSync } from "node:fs";
import type { ChainLink } from "../../disk/chain.ts";
import type { ImageLibrary } from "../../images/library.ts";
import type { Catalogue } from "../sessions/catalogue.ts";
import type { SessionDisks } from "../sessions/disks.ts";
import { BLANK, type SessionRecord } from "../sessions/record.ts";
import type { SessionService } from "../sessions/service.ts";
import { type HostSpace, hostSpace } from "./host-space.ts";

const STAT_BLOCK_BYTES = 512;

export interface Usage {
  readonly kind: "image" | "session";
  readonly id: string;
  /** What people call it. */
  readonly name: string;
  /** Size of the disk that a guest sees; of all its disks, for a session. */
  readonly sizeBytes: number;
  /** What nobody else needs: removing it gives this much back. */
  readonly exclusiveBytes: number;
  /** What others need as well: the image under a session, the layers under a branch. */
  readonly sharedBytes: number;
  /** Sessions over an image; images and sessions that share with a session are not counted. */
  readonly users: number;
}

export interface StorageUsage {
  readonly rows: readonly Usage[];
  /** What all files of images and sessions take together, each counted once. */
  readonly totalBytes: number;
  readonly host: HostSpace;
}

export interface StorageParts {
  readonly dataFolder: string;
  readonly library: ImageLibrary;
  readonly sessions: SessionService;
  readonly disks: SessionDisks;
  readonly catalogue: Catalogue;
}

interface Owner extends Omit<Usage, "exclusiveBytes" | "sharedBytes"> {
  readonly files: ReadonlySet<string>;
}

/** Measures everything. */
export async function storageUsage(parts: StorageParts): Promise<StorageUsage> {
  const { library, sessions } = parts;
  const all = sessions.all();
  const images = library
    .list()
    .filter(({ id }) => id !== BLANK)
    .map((image): Owner => ({
      kind: "image",
      id: image.id,
      name: image.names.join(", ") || image.id.slice(0, 12),
      sizeBytes: image.sizeBytes,
      files: new Set([library.pathOf(image.id)]),
      users: all.filter(({ luns }) => luns.some((lun) => lun.image === image.id)).length,
    }));
  const owners = [...images, ...all.map((session) => ownerOf(session, parts))];
  const needs = new Map<string, number>();
  for (const { files } of owners) for (const file of files) needs.set(file, (needs.get(file) ?? 0) + 1);
  const bytes = new Map([...needs.keys()].map((file) => [file, allocated(file)]));
  const sum = (files: Iterable<string>): number => {
    let total = 0;
    for (const file of files) total += bytes.get(file) ?? 0;
    return total;
  };
  return {
    rows: owners.map(({ kind, id, name, sizeBytes, users, files }) => {
      const exclusiveBytes = sum([...files].filter((file) => needs.get(file) === 1));
      return { kind, id, name, sizeBytes, users, exclusiveBytes, sharedBytes: sum(files) - exclusiveBytes };
    }),
    totalBytes: sum(bytes.keys()),
    host: await hostSpace(parts.dataFolder),
  };
}

function ownerOf(session: SessionRecord, { disks, catalogue, library }: StorageParts): Owner {
  const links: readonly ChainLink[] = [
    ...session.luns.filter(({ image }) => library.find(image)).flatMap((lun) => disks.linksOf(lun)),
    ...catalogue
      .snapshots(session.id)
      .flatMap(({ luns }) => luns)
      .flatMap(({ layer }) => disks.linksOfLayer(BLANK, layer)),
  ];
  return {
    kind: "session",
    id: session.id,
    name: session.pi ?? session.id,
    sizeBytes: session.luns.reduce((total, { sizeBytes }) => total + sizeBytes, 0),
    files: new Set(links.map(({ path }) => path)),
    users: 0,
  };
}

function allocated(path: string): number {
  return (statSync(path, { throwIfNoEntry: false })?.blocks ?? 0) * STAT_BLOCK_BYTES;
}
