/**
 * The image library: a folder of immutable raw disks, `<id>.img`, each with a record beside it, `<id>.json`.
 * An image is there when its record is; everything else that an import leaves behind is swept at the next opening.
 * One process at a time has it open: the data folder's lock sees to that.
 */
import { withNearName } from "./near-name.ts";
import { randomUUID } from "node:crypto";
import * as fs from "node:fs/promises";
import { basename, join, relative } from "node:path";
import { syncDirectory } from "../disk/host/file.ts";
import type { Layer } from "../disk/layer.ts";
import { readPartitionTable, type PartitionTable } from "../disk/partitions.ts";
import { openRawFile } from "../disk/raw-file.ts";
import {
  BLANK,
  checkName,
  decodeRecord,
  encodeRecord,
  isImageId,
  LINEAGE_MAX,
  nameFromLabel,
  SHORTEST_ID_PREFIX,
  type Ancestor,
  type Image,
} from "./image.ts";
import { ImageError } from "./image-error.ts";
import { parseUrl, shownUrl } from "./fetch/get.ts";
import { FETCH_LIMITS, type FetchLimits } from "./fetch/limits.ts";
import { PartFile, sweepParts } from "./fetch/part-file.ts";
import type { Checks } from "./import/checks.ts";
import type { FormatChoice } from "./import/formats.ts";
import { runImport, type RunOptions } from "./import/importer.ts";
import type { WorkerSource } from "./import/messages.ts";
import { toImageError } from "./import/unpack.ts";

/** Names of unfinished files begin with it, so that the sweep knows them. */
const UNFINISHED = ".unfinished-";
/** What was fetched of files that are not whole yet; it is there only while there is such a thing. */
const PARTS = ".fetched";

export type ImportSource =
  | { readonly path: string }
  /** An http or https address. */
  | { readonly url: string }
  /** Standard input, or an upload; `label` says which. */
  | {
      readonly stream: ReadableStream<Uint8Array>;
      readonly label: string;
      readonly sizeBytes?: number | undefined;
    };

export interface ImportOptions extends RunOptions {
  /** A name that must be free. */
  readonly name?: string | undefined;
  /** A name to take when no other is given, made unique; otherwise it comes from the file's. */
  readonly suggestedName?: string | undefined;
  readonly format?: FormatChoice | undefined;
  readonly checks?: Checks | undefined;
  readonly fetchLimits?: FetchLimits | undefined;
  /** Called when the library had the content already, and nothing is stored. */
  readonly onAlreadyThere?: (() => void) | undefined;
}

export interface AdoptedImage {
  /** sha256 of the content. */
  readonly id: string;
  readonly sizeBytes: number;
  readonly name: string | undefined;
  /** What it is called after when it has no name: made unique. */
  readonly label: string;
  readonly lineage: readonly Ancestor[];
}

export interface ImageDetails extends Image {
  /** What the image takes on the host's disk. */
  readonly allocatedBytes: number;
  readonly partitions: PartitionTable;
}

export class ImageLibrary {
  readonly #images = new Map<string, Image>();
  /** Addresses that are being fetched. */
  readonly #fetching = new Set<string>();
  /** Records change one after the other, however many calls are under way. */
  #lastChange: Promise<unknown> = Promise.resolve();

  private constructor(private readonly directory: string) {}

  /**
   * Opens the library in a folder, which is made when it is not there. What an interrupted import left is removed.
   * Throws an `ImageError` ("io") when a record is damaged or newer than this program.
   */
  static async open(directory: string): Promise<ImageLibrary> {
    const library = new ImageLibrary(directory);
    await fs.mkdir(directory, { recursive: true, mode: 0o700 });
    await library.#sweepAndLoad();
    return library;
  }

  /** Blank first, then the others as they were imported. */
  list(): readonly Image[] {
    const imported = [...this.#images.values()];
    return [BLANK, ...imported.sort((a, b) => a.importedAt.localeCompare(b.importedAt))];
  }

  /** Every name that an image goes by. */
  names(): readonly string[] {
    return this.list().flatMap(({ names }) => names);
  }

  /** The image of that name, id, or beginning of an id (8 digits at least, of one image only). */
  find(nameOrId: string): Image | undefined {
    const all = this.list();
    const exact = all.find(({ id, names }) => id === nameOrId || names.includes(nameOrId));
    if (exact || nameOrId.length < SHORTEST_ID_PREFIX) return exact;
    const begun = all.filter(({ id }) => id.startsWith(nameOrId));
    return begun.length === 1 ? begun[0] : undefined;
  }

  /** `find` that throws "unknown-image". */
  get(nameOrId: string): Image {
    const image = this.find(nameOrId);
    if (image) return image;
    throw new ImageError(
      "unknown-image",
      `there is no image ${JSON.stringify(nameOrId)}`,
      withNearName(nameOrId, this.names(), "pinetboot image list shows them."),
    );
  }

  /**
   * Imports a disk image: raw or qcow2, packed or not, told by its first bytes. Content that is here already is
   * not stored again: the image there gets the name. Without a name the file's is taken, made unique.
   * Throws an `ImageError`; nothing is left behind then, except what a lost connection has brought so far.
   */
  async import(source: ImportSource, options: ImportOptions = {}): Promise<Image> {
    const { name } = options;
    if (name !== undefined) this.#checkFree(name);
    const prepared = await this.#prepare(source, options.fetchLimits);
    const stem = join(this.directory, `${UNFINISHED}${randomUUID()}`);
    const [target, spool] = [`${stem}.img`, `${stem}.part`];
    if (prepared.fetched !== undefined) this.#claim(prepared.fetched);
    let keepPart = false;
    try {
      const { format = "auto", checks = {} } = options;
      const order = { source: prepared.source, target, spool, format, checks };
      const unpacked = await runImport(order, "stream" in source ? source.stream : undefined, options);
      const id = unpacked.sha256;
      const label = options.suggestedName ?? prepared.label;
      return await this.#change(async () => {
        const known = this.#images.get(id);
        if (known) {
          const further = name ?? this.#freeName(label, known);
          options.onAlreadyThere?.();
          return await this.#named(known, further);
        }
        if (name !== undefined) this.#checkFree(name);
        await fs.chmod(target, 0o444);
        await fs.rename(target, this.#imagePath(id));
        return await this.#save({
          id,
          names: [name ?? this.#freeName(label)],
          sizeBytes: unpacked.sizeBytes,
          importedAt: new Date().toISOString(),
          source: { label: prepared.label, format: unpacked.format },
        });
      });
    } catch (error) {
      const failure = toImageError(error);
      keepPart = failure.code === "unreachable";
      throw failure;
    } finally {
      await Promise.all([target, spool].map((path) => fs.rm(path, { force: true })));
      if (prepared.fetched !== undefined) this.#release(prepared.fetched, keepPart);
    }
  }

  /** A path for a file that is to become an image by `adopt`; a kill before that leaves it to the next opening's sweep. */
  unfinishedPath(): string {
    return join(this.directory, `${UNFINISHED}${randomUUID()}.img`);
  }

  /** Throws "bad-name" or "name-taken" for a name that a new image cannot have. */
  checkFree(name: string): void {
    this.#checkFree(name);
  }

  /**
   * Takes a whole raw disk, synced, at an `unfinishedPath` as an image. Content that is here already is not stored
   * again: the image there gets the name. Throws an `ImageError`; the file is gone then.
   */
  async adopt(unfinished: string, adopted: AdoptedImage): Promise<Image> {
    const { id, sizeBytes, name, label, lineage } = adopted;
    try {
      return await this.#change(async () => {
        const known = this.#images.get(id);
        if (known) return await this.#named(known, name ?? this.#freeName(label, known));
        if (name !== undefined) this.#checkFree(name);
        await fs.chmod(unfinished, 0o444);
        await fs.rename(unfinished, this.#imagePath(id));
        return await this.#save({
          id,
          names: [name ?? this.#freeName(label)],
          sizeBytes,
          importedAt: new Date().toISOString(),
          source: { label, format: "raw" },
          lineage: lineage.slice(0, LINEAGE_MAX),
        });
      });
    } catch (error) {
      throw toImageError(error);
    } finally {
      await fs.rm(unfinished, { force: true });
    }
  }

  /** Gives an image another name. Throws "unknown-image", "bad-name" or "name-taken" (by another image). */
  addName(nameOrId: string, name: string): Promise<Image> {
    return this.#change(() => this.#named(this.#imported(nameOrId), name));
  }

  /** Takes a name away; the image stays, under its other names and its id. */
  removeName(name: string): Promise<Image> {
    return this.#change(async () => {
      const image = this.#imported(name);
      if (!image.names.includes(name)) throw new ImageError("bad-name", `${name} is an id, not a name`);
      return this.#save({ ...image, names: image.names.filter((other) => other !== name) });
    });
  }

  /**
   * Removes an image with its file. `inUse` names what still needs it; anything but an empty list refuses with "in-use".
   */
  remove(nameOrId: string, { inUse }: { readonly inUse: (id: string) => readonly string[] }): Promise<void> {
    return this.#change(async () => {
      const { id, names } = this.#imported(nameOrId);
      const users = inUse(id);
      if (users.length > 0) {
        throw new ImageError(
          "in-use",
          `the image ${names[0] ?? id} is in use by ${users.join(", ")}`,
          "Remove or reassign what uses it first.",
        );
      }
      // Without its record an image is not there: a crash in between leaves a file for the sweep.
      await fs.rm(this.#recordPath(id));
      this.#images.delete(id);
      await fs.rm(this.#imagePath(id), { force: true });
      await syncDirectory(this.directory);
    });
  }

  /** The image with its partitions and what it takes on disk. */
  async info(nameOrId: string): Promise<ImageDetails> {
    const image = this.get(nameOrId);
    if (image.id === BLANK.id) {
      return { ...image, allocatedBytes: 0, partitions: { scheme: "none", entries: [] } };
    }
    const layer = await this.openBase(image.id);
    try {
      const { blocks } = await fs.stat(this.#imagePath(image.id));
      return { ...image, allocatedBytes: blocks * 512, partitions: await readPartitionTable(layer) };
    } finally {
      await layer.close();
    }
  }

  /** The file of an image. Throws "unknown-image", also for blank, which has none. */
  pathOf(nameOrId: string): string {
    return this.#imagePath(this.#imported(nameOrId).id);
  }

  /** Opens the image for reading, to lie beneath an overlay. Throws "unknown-image", also for blank, which has no file. */
  async openBase(nameOrId: string): Promise<Layer> {
    return openRawFile(this.#imagePath(this.#imported(nameOrId).id), { readOnly: true });
  }

  /** What an overlay in `overlaysDirectory` calls the image; undefined for blank. */
  backingName(image: Image, overlaysDirectory: string): string | undefined {
    return image.id === BLANK.id ? undefined : relative(overlaysDirectory, this.#imagePath(image.id));
  }

  /** Judges a source before any work is done for it. */
  async #prepare(
    source: ImportSource,
    limits: FetchLimits = FETCH_LIMITS,
  ): Promise<{ readonly source: WorkerSource; readonly label: string; readonly fetched?: string }> {
    if ("path" in source) {
      await checkFile(source.path);
      return { source: { kind: "file", path: source.path }, label: basename(source.path) };
    }
    if ("stream" in source)
      return { source: { kind: "stream", totalBytes: source.sizeBytes }, label: source.label };
    const url = parseUrl(source.url);
    const name = decodeName(basename(url.pathname));
    return {
      source: { kind: "url", url: url.href, partsFolder: this.#partsFolder, limits },
      label: name === "" ? shownUrl(url) : name,
      fetched: url.href,
    };
  }

  /** Two that fetch the same would write into the same part. */
  #claim(url: string): void {
    if (this.#fetching.has(url))
      throw new ImageError("in-use", "this address is being fetched already", "Wait for that import to end.");
    this.#fetching.add(url);
  }

  #release(url: string, keepPart: boolean): void {
    const part = new PartFile(this.#partsFolder, url);
    if (keepPart) part.keep();
    else part.remove();
    this.#fetching.delete(url);
  }

  get #partsFolder(): string {
    return join(this.directory, PARTS);
  }

  async #sweepAndLoad(): Promise<void> {
    sweepParts(this.#partsFolder);
    const files = await fs.readdir(this.directory);
    const there = new Set(files);
    for (const file of files) {
      const [id = "", ending] = file.split(".");
      const isImage = isImageId(id) && ending === "img";
      if (file.startsWith(UNFINISHED) || (isImage && !there.has(`${id}.json`))) {
        await fs.rm(join(this.directory, file), { force: true });
      } else if (isImage) {
        const path = this.#recordPath(id);
        const image = decodeRecord(await fs.readFile(path, "utf8"), path);
        if (image.id !== id) throw new ImageError("io", `${path} is the record of another image`);
        this.#images.set(id, image);
      }
    }
  }

  #imported(nameOrId: string): Image {
    const image = this.get(nameOrId);
    if (image.id !== BLANK.id) return image;
    throw new ImageError(
      "unknown-image",
      "blank is built in: it has no file, and is neither renamed nor removed",
    );
  }

  async #named(image: Image, name: string): Promise<Image> {
    if (image.names.includes(name)) return image;
    this.#checkFree(name);
    return this.#save({ ...image, names: [...image.names, name] });
  }

  #checkFree(name: string): void {
    checkName(name);
    const holder = this.list().find(({ names }) => names.includes(name));
    if (!holder) return;
    throw new ImageError(
      "name-taken",
      `another image is called ${name} already`,
      `Choose another name, or remove it: pinetboot image remove ${name}`,
    );
  }

  /** The label's name, numbered when another image has it. */
  #freeName(label: string, of?: Image): string {
    const name = nameFromLabel(label);
    const taken = new Set(this.list().flatMap((image) => (image.id === of?.id ? [] : image.names)));
    for (let number = 1; ; number += 1) {
      const candidate = number === 1 ? name : `${name}-${number}`;
      if (!taken.has(candidate)) return candidate;
    }
  }

  async #save(image: Image): Promise<Image> {
    const unfinished = join(this.directory, `${UNFINISHED}${randomUUID()}.json`);
    const file = await fs.open(unfinished, "wx", 0o600);
    try {
      await file.writeFile(encodeRecord(image));
      await file.sync();
    } finally {
      await file.close();
    }
    await fs.rename(unfinished, this.#recordPath(image.id));
    await syncDirectory(this.directory);
    this.#images.set(image.id, image);
    return image;
  }

  #change<T>(change: () => Promise<T>): Promise<T> {
    const result = this.#lastChange.then(change, change);
    this.#lastChange = result;
    return result;
  }

  #imagePath(id: string): string {
    return join(this.directory, `${id}.img`);
  }

  #recordPath(id: string): string {
    return join(this.directory, `${id}.json`);
  }
}

/** Throws "not-a-file" for what is no readable regular file: a device or a pipe has no end. */
async function checkFile(path: string): Promise<void> {
  try {
    const stat = await fs.stat(path);
    if (!stat.isFile())
      throw new ImageError(
        "not-a-file",
        `${path} is not a regular file`,
        "A device or a pipe is imported from standard input: pinetboot image import - < DEVICE",
      );
  } catch (error) {
    throw toImageError(error);
  }
}

function decodeName(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    // A "%" that encodes nothing stands for itself.
    if (error instanceof URIError) return text;
    throw error;
  }
}
