/**
 * A disk as a chain of files: a raw image (or nothing), and upon it qcow2 files of ours, each over the one before.
 * The chain is what the caller's records say, from the base up; no file is opened because another file names it.
 */
import { statSync } from "node:fs";
import { dirname, relative } from "node:path";
import { BadImage, DiskError, errnoOf } from "./disk-error.ts";
import type { Layer } from "./layer.ts";
import { openFrozen } from "./qcow2/frozen.ts";
import { mendOverlay } from "./qcow2/mend.ts";
import { MAX_CHAIN_OVERLAYS, openOverlay } from "./qcow2/open.ts";
import type { Overlay } from "./qcow2/overlay.ts";
import { openRawFile } from "./raw-file.ts";

export interface ChainLink {
  readonly path: string;
  /** "raw" only for the first. */
  readonly format: "raw" | "qcow2";
}

/** What a qcow2 file calls the file beneath it: the path from its own folder, so that both can move together. */
export function backingName(upperPath: string, lowerPath: string): string {
  return relative(dirname(upperPath), lowerPath);
}

/**
 * Opens a chain for reading. No file changes. Throws `BadImage` for a chain that is too long, holds a file twice or
 * does not fit together, and a `DiskError` otherwise: "EUNCLEAN" when `mendChain` is due first.
 */
export async function openChain(links: readonly ChainLink[]): Promise<Layer> {
  checkLinks(links);
  let below: Layer | undefined;
  for (const [index, link] of links.entries()) {
    if (link.format === "raw") below = await openRawFile(link.path, { readOnly: true });
    else below = await openFrozen(link.path, backingOf(links, index, below));
  }
  if (!below) throw new RangeError("a chain has one file at least");
  return below;
}

/**
 * Opens a chain whose last file is an overlay that is written; those beneath it are mended when an unclean end left
 * them open. Throws as `openChain` does.
 */
export async function openWritableChain(links: readonly ChainLink[]): Promise<Overlay> {
  checkLinks(links);
  const beneath = links.slice(0, -1);
  const top = links.at(-1);
  if (top?.format !== "qcow2") throw new RangeError("what is written must be an overlay");
  await mendChain(beneath);
  const below = beneath.length === 0 ? undefined : await openChain(beneath);
  return openOverlay(top.path, backingOf(links, links.length - 1, below));
}

/** Mends the overlays of a chain that were not closed properly. None of them may be open. */
export async function mendChain(links: readonly ChainLink[]): Promise<void> {
  for (const [index, link] of links.entries()) {
    const below = links[index - 1];
    if (link.format === "qcow2") await mendOverlay(link.path, below && backingName(link.path, below.path));
  }
}

function backingOf(
  links: readonly ChainLink[],
  index: number,
  layer: Layer | undefined,
): { readonly backing?: { readonly name: string; readonly layer: Layer } } {
  const [link, below] = [links[index], links[index - 1]];
  return link && below && layer ? { backing: { name: backingName(link.path, below.path), layer } } : {};
}

function checkLinks(links: readonly ChainLink[]): void {
  const top = links.at(-1)?.path ?? "an empty chain";
  const overlays = links.filter(({ format }) => format === "qcow2").length;
  if (links.length - overlays > 1 || links.slice(1).some(({ format }) => format === "raw"))
    throw new BadImage(top, "a raw file can only be the base of a chain");
  if (overlays > MAX_CHAIN_OVERLAYS)
    throw new BadImage(top, `a chain of ${overlays} overlays, and ${MAX_CHAIN_OVERLAYS} are the most`);
  const seen = new Set<string>();
  for (const { path } of links) {
    const file = identityOf(path);
    if (seen.has(file)) throw new BadImage(path, "it is in its own chain twice");
    seen.add(file);
  }
}

/** The same file is the same whatever links lead to it. */
function identityOf(path: string): string {
  try {
    const { dev, ino } = statSync(path, { bigint: true });
    return `${dev}:${ino}`;
  } catch (error) {
    throw new DiskError(errnoOf(error), `${path}: ${String(error)}`, { cause: error });
  }
}
