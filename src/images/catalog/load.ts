/** A catalog from where it is: inside this program, or at an address. */
import { parseUrl, get, bodyOf, Interrupted, shownUrl } from "../fetch/get.ts";
import { FETCH_LIMITS, type FetchLimits } from "../fetch/limits.ts";
import { ImageError } from "../image-error.ts";
import builtIn from "../../../images/catalog.json";
import { readCatalog, type CatalogEntry, type FetchedList } from "./entries.ts";

/** Imager's own list has a quarter of a MiB. */
const LIST_MAX_BYTES = 8 * 2 ** 20;
/** All lists of a catalog together. */
const LISTS_MAX_BYTES = 32 * 2 ** 20;

export interface Catalog {
  /** The address without a password, or null for the built-in one. */
  readonly repo: string | null;
  readonly entries: readonly CatalogEntry[];
  /** Lists that could not be had, in words. */
  readonly troubles: readonly string[];
}

export interface LoadOptions {
  readonly signal?: AbortSignal | undefined;
  readonly limits?: FetchLimits | undefined;
}

/** The built-in catalog, or the Imager repository at an address. Throws an `ImageError` ("unreachable", "bad-archive", ...). */
export async function loadCatalog(repo: string | undefined, options: LoadOptions = {}): Promise<Catalog> {
  const troubles: string[] = [];
  const reader = new ListReader(options);
  const base = repo === undefined ? undefined : parseUrl(repo);
  const first = base === undefined ? { document: builtIn, url: undefined } : await reader.read(base);
  const entries = await readCatalog(
    first.document,
    first.url,
    (url) => reader.read(url),
    (words) => troubles.push(words),
  );
  return { repo: base === undefined ? null : shownUrl(base), entries, troubles };
}

/** Throws "unknown-image" for a name that the catalog does not have, with those that are like it. */
export function findEntry({ entries, repo }: Catalog, name: string): CatalogEntry {
  const found =
    entries.find((entry) => entry.name === name) ??
    entries.find(({ title }) => title.toLowerCase() === name.toLowerCase());
  if (found) return found;
  const like = entries.filter((entry) => entry.name.includes(name.toLowerCase())).map((entry) => entry.name);
  const where = repo === null ? "" : ` --repo ${repo}`;
  throw new ImageError(
    "unknown-image",
    `the catalog has no ${JSON.stringify(name.slice(0, 100))}`,
    like.length > 0
      ? `Like it are: ${like.slice(0, 8).join(", ")}`
      : `pinetboot image catalog${where} shows what it has.`,
  );
}

class ListReader {
  #bytes = 0;

  constructor(private readonly options: LoadOptions) {}

  async read(url: URL): Promise<FetchedList> {
    const { text, from } = await this.#fetch(url);
    try {
      return { document: JSON.parse(text) as unknown, url: from };
    } catch (cause) {
      throw new ImageError(
        "bad-archive",
        `what ${url.host} sends is no JSON`,
        "Give the address of the list.",
        {
          cause,
        },
      );
    }
  }

  async #fetch(url: URL): Promise<{ readonly text: string; readonly from: URL }> {
    const limits = this.options.limits ?? FETCH_LIMITS;
    const chunks: Uint8Array[] = [];
    let bytes = 0;
    let from = url;
    try {
      const answer = await get(url, { accept: "application/json" }, limits);
      from = answer.url;
      for await (const chunk of bodyOf(answer, limits)) {
        if (this.options.signal?.aborted) throw new ImageError("cancelled", "the import was cancelled");
        chunks.push(chunk);
        bytes += chunk.byteLength;
        this.#bytes += chunk.byteLength;
        if (bytes > LIST_MAX_BYTES || this.#bytes > LISTS_MAX_BYTES)
          throw new ImageError("too-large", `the list at ${url.host} is larger than any catalog`);
      }
    } catch (error) {
      if (error instanceof Interrupted)
        throw new ImageError("unreachable", error.message, "See whether this computer has a way there.", {
          cause: error,
        });
      throw error;
    }
    return { text: Buffer.concat(chunks).toString("utf8"), from };
  }
}
