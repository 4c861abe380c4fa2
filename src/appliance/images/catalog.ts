/** Catalogs as the appliance needs them: with what the library has already, also where there is no network. */
import type { CatalogEntry } from "../../images/catalog/entries.ts";
import { findEntry, loadCatalog, type Catalog } from "../../images/catalog/load.ts";
import { ImageError } from "../../images/image-error.ts";
import type { ImageLibrary } from "../../images/library.ts";
import { ApplianceError } from "../errors.ts";

/** Reads a catalog. Offline it says so, and what the library has: throws "unreachable". */
export async function catalogOf(
  repo: string | undefined,
  library: ImageLibrary,
  signal?: AbortSignal,
): Promise<Catalog> {
  try {
    return await loadCatalog(repo, { signal });
  } catch (error) {
    throw offline(error, library);
  }
}

/**
 * The entry of that name, which can be fetched. Throws "not-found", "unreachable", and "bad-request" for one that
 * nothing protects on its way.
 */
export async function entryOf(
  name: string,
  repo: string | undefined,
  library: ImageLibrary,
  signal?: AbortSignal,
): Promise<CatalogEntry> {
  const entry = findEntry(await catalogOf(repo, library, signal), name);
  if (entry.builtIn)
    throw new ApplianceError(
      "bad-request",
      `${entry.name} is built in, there is nothing to fetch`,
      "pinetboot session create --image blank --size 16G makes a disk of any size.",
    );
  if (entry.url.startsWith("http:") && entry.imageSha256 === null && entry.sourceSha256 === null)
    throw new ApplianceError(
      "bad-request",
      `${entry.name} would come without https, and the catalog has no sum to check it by`,
      `If you trust it, import it by its address: pinetboot image import ${entry.url}`,
    );
  return entry;
}

/** An error of the network with what there is without one. */
export function offline(error: unknown, library: ImageLibrary): unknown {
  if (!(error instanceof ImageError) || error.code !== "unreachable") return error;
  const names = library.list().map(({ names: [name], id }) => name ?? id.slice(0, 12));
  return new ApplianceError(
    "unreachable",
    error.message,
    `${error.fix ?? ""} The library has: ${names.join(", ")}.`.trim(),
    { cause: error },
  );
}
