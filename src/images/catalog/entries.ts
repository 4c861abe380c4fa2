/** The images of a catalog as one flat list, each with a name to type. */
import { ImageError } from "../image-error.ts";
import { parseUrl } from "../fetch/get.ts";
import { EntrySchema, ListSchema, type ListedEntry } from "./schema.ts";

/** Lists within lists; Imager's own goes three deep. */
const DEPTH_MAX = 8;
/** Entries of one catalog, with everything that it links to; Imager's own has some four hundred. */
export const ENTRIES_MAX = 5000;
/** Further lists that one catalog may link to. */
export const LISTS_MAX = 64;
const NAME_MAX_CHARS = 56;
const SHA256 = /^[0-9a-f]{64}$/i;

export interface CatalogEntry {
  /** What is typed to have it. Unique in its catalog. */
  readonly name: string;
  readonly title: string;
  readonly description: string;
  /** The lists that it stands in, outermost first. */
  readonly group: readonly string[];
  readonly url: string;
  /** Built into this program, and fetched from nowhere. */
  readonly builtIn: boolean;
  /** Null for what the list does not say. */
  readonly downloadBytes: number | null;
  readonly imageBytes: number | null;
  readonly sourceSha256: string | null;
  readonly imageSha256: string | null;
  readonly releaseDate: string | null;
  readonly initFormat: string | null;
  readonly architecture: string | null;
  /** Tags of the boards that it runs on ("pi4-64bit"); empty when the list names none. */
  readonly devices: readonly string[];
  /** False where it is known that nobody of ours ever fetched it. */
  readonly everFetched: boolean | null;
}

/** A list, and where it came from after all redirects: what its relative addresses are relative to. */
export interface FetchedList {
  readonly document: unknown;
  readonly url: URL;
}

/** Fetches a list that another one links to. */
export type ReadList = (url: URL) => Promise<FetchedList>;

/** The address of entries that this program has inside, as Imager has some of its own ("internal://format"). */
const BUILT_IN = "internal:";

/**
 * Reads a list, and those that it links to. `base` is where it came from; `readList` is asked for linked ones, and
 * `onTrouble` told of one that cannot be had: the others are still good.
 * Throws an `ImageError` "bad-archive" when the document is no such list, or is beyond the limits.
 */
export async function readCatalog(
  document: unknown,
  base: URL | undefined,
  readList: ReadList,
  onTrouble: (words: string) => void,
): Promise<CatalogEntry[]> {
  const walk = new Walk(readList, onTrouble, base);
  await walk.list(document, base, []);
  return named(walk.found);
}

interface Found {
  readonly entry: ListedEntry & { readonly url: string };
  readonly base: URL | undefined;
  readonly group: readonly string[];
}

class Walk {
  readonly found: Found[] = [];
  /** Addresses of lists that were read, the first one's and those behind redirects, too: none is read twice. */
  readonly #read = new Set<string>();
  #linkedLists = 0;
  #seen = 0;

  constructor(
    private readonly readList: ReadList,
    private readonly onTrouble: (words: string) => void,
    base: URL | undefined,
  ) {
    if (base) this.#read.add(base.href);
  }

  async list(document: unknown, base: URL | undefined, group: readonly string[]): Promise<void> {
    const list = ListSchema.safeParse(document);
    if (!list.success) throw badCatalog("it has no os_list: this is no list of Raspberry Pi Imager", base);
    await this.#items(list.data.os_list, base, group);
  }

  async #items(items: readonly unknown[], base: URL | undefined, group: readonly string[]): Promise<void> {
    if (group.length > DEPTH_MAX) throw badCatalog(`its lists are nested more than ${DEPTH_MAX} deep`, base);
    for (const item of items) {
      this.#seen += 1;
      if (this.#seen > ENTRIES_MAX) throw badCatalog(`it has more than ${ENTRIES_MAX} entries`, base);
      const parsed = EntrySchema.safeParse(item);
      if (!parsed.success) continue;
      const entry = parsed.data;
      if (entry.url !== undefined) this.found.push({ entry: { ...entry, url: entry.url }, base, group });
      const inner = [...group, entry.name];
      if (entry.subitems) await this.#items(entry.subitems, base, inner);
      if (entry.subitems_url !== undefined) await this.#linked(entry.subitems_url, base, inner);
    }
  }

  async #linked(address: string, base: URL | undefined, group: readonly string[]): Promise<void> {
    let url: URL;
    try {
      url = parseUrl(address, base);
    } catch (error) {
      this.onTrouble(`the list "${group.at(-1)}" is left out: ${wordsOf(error)}`);
      return;
    }
    if (this.#read.has(url.href)) return;
    this.#linkedLists += 1;
    if (this.#linkedLists > LISTS_MAX) throw badCatalog(`it links to more than ${LISTS_MAX} lists`, base);
    this.#read.add(url.href);
    if (base?.protocol === "https:" && url.protocol === "http:") {
      this.onTrouble(`the list "${group.at(-1)}" is left out: an https list links to it without https`);
      return;
    }
    let list: FetchedList;
    try {
      list = await this.readList(url);
    } catch (error) {
      if (error instanceof ImageError && error.code === "cancelled") throw error;
      this.onTrouble(`the list "${group.at(-1)}" is left out: ${wordsOf(error)}`);
      return;
    }
    if (list.url.href !== url.href && this.#read.has(list.url.href)) return;
    this.#read.add(list.url.href);
    if (!ListSchema.safeParse(list.document).success) {
      this.onTrouble(
        `the list "${group.at(-1)}" is left out: ${url.host} sends no list of Raspberry Pi Imager`,
      );
      return;
    }
    await this.list(list.document, list.url, group);
  }
}

/** Gives every entry its name; of several that would have the same, the later ones get a number. */
function named(found: readonly Found[]): CatalogEntry[] {
  const taken = new Set<string>();
  const entries: CatalogEntry[] = [];
  for (const { entry, base, group } of found) {
    const url = addressOf(entry.url, base);
    if (!url) continue;
    const stem = entry.pinetboot?.name ?? slug(entry.name);
    let name = stem;
    for (let number = 2; taken.has(name); number += 1) name = `${stem}-${number}`;
    taken.add(name);
    entries.push({
      name,
      title: entry.name,
      description: entry.description ?? "",
      group,
      url: url.href,
      builtIn: url.protocol === BUILT_IN,
      downloadBytes: entry.image_download_size || null,
      imageBytes: entry.extract_size || null,
      sourceSha256: sumOf(entry.image_download_sha256),
      imageSha256: sumOf(entry.extract_sha256),
      releaseDate: entry.release_date || null,
      initFormat: entry.init_format ?? null,
      architecture: entry.architecture ?? null,
      devices: entry.devices ?? [],
      everFetched: entry.pinetboot?.fetched ?? null,
    });
  }
  return entries;
}

function addressOf(text: string, base: URL | undefined): URL | undefined {
  const url = URL.parse(text, base?.href);
  return url && ["http:", "https:", BUILT_IN].includes(url.protocol) ? url : undefined;
}

function sumOf(text: string | undefined): string | null {
  return text !== undefined && SHA256.test(text) ? text.toLowerCase() : null;
}

/** "Raspberry Pi OS Lite (64-bit)" -> "raspberry-pi-os-lite-64-bit" */
function slug(title: string): string {
  const words = title
    .toLowerCase()
    .replaceAll(/[^a-z0-9.]+/g, "-")
    .replaceAll(/^[-.]+|[-.]+$/g, "");
  return words.slice(0, NAME_MAX_CHARS).replace(/[-.]+$/, "") || "image";
}

function badCatalog(reason: string, base: URL | undefined): ImageError {
  const where = base === undefined ? "the catalog" : `the catalog at ${base.host}`;
  return new ImageError(
    "bad-archive",
    `${where} cannot be read: ${reason}`,
    "Give the address of a list like os_list_imagingutility_v4.json.",
  );
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
