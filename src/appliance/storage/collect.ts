/** Garbage collection: what nobody needs, shown or removed. What anyone needs is refused by the records themselves. */
import { statSync } from "node:fs";
import type { ImageLibrary } from "../../images/library.ts";
import { toApplianceError } from "../errors-of-floors.ts";
import type { Garbage } from "../sessions/garbage.ts";
import { BLANK } from "../sessions/record.ts";

export interface Collected {
  /** A file that no record speaks of, or an image without a name that nothing uses. */
  readonly kind: "file" | "image";
  readonly name: string;
  readonly bytes: number;
}

export interface CollectParts {
  readonly library: ImageLibrary;
  readonly garbage: Garbage;
  /** Who needs an image, in words. */
  readonly usersOfImage: (id: string) => readonly string[];
}

const STAT_BLOCK_BYTES = 512;

/** Finds what nobody needs and, unless `dryRun`, removes it. Returns what was found, or what is gone. */
export async function collectGarbage(
  { library, garbage, usersOfImage }: CollectParts,
  { dryRun }: { readonly dryRun: boolean },
): Promise<readonly Collected[]> {
  const orphans = await garbage.orphans();
  const images = library
    .list()
    .filter(({ id, names }) => id !== BLANK && names.length === 0 && usersOfImage(id).length === 0);
  const found = [
    ...orphans.map(({ file, allocatedBytes }): Collected => ({
      kind: "file",
      name: `overlays/${file}`,
      bytes: allocatedBytes,
    })),
    ...images.map(({ id }): Collected => ({
      kind: "image",
      name: id,
      bytes: (statSync(library.pathOf(id), { throwIfNoEntry: false })?.blocks ?? 0) * STAT_BLOCK_BYTES,
    })),
  ];
  if (dryRun) return found;
  await garbage.collect();
  await garbage.removeOrphans(orphans);
  const kept = new Set<string>();
  for (const { id } of images) {
    try {
      await library.remove(id, { inUse: usersOfImage });
    } catch (error) {
      // Somebody began to use it a moment ago.
      if (toApplianceError(error).code !== "in-use") throw error;
      kept.add(id);
    }
  }
  return found.filter(({ name }) => !kept.has(name));
}
