/** What the parts of the disk bench share: a folder, images, medians, rows of Markdown. */
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { backingName, openWritableChain, type ChainLink } from "../../src/disk/chain.ts";
import { createOverlay } from "../../src/disk/qcow2/create.ts";
import type { Overlay } from "../../src/disk/qcow2/overlay.ts";

export const MIB = 2 ** 20;
export const GIB = 2 ** 30;

/** The folder of this run, removed at its end. */
export function workFolder(parent = tmpdir()): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(parent, "pinetboot-bench-"));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** Runs a program to its end. Throws with what it said when it fails. */
export function run(...command: readonly string[]): string {
  const { exitCode, stdout, stderr } = Bun.spawnSync([...command]);
  if (exitCode !== 0) throw new Error(`${command.join(" ")}: ${stderr.toString()}`);
  return stdout.toString();
}

/** A sparse raw file. */
export function sparseFile(path: string, sizeBytes: number): string {
  run("truncate", "-s", String(sizeBytes), path);
  return path;
}

/** A raw file of which every byte is random. */
export function randomFile(path: string, sizeBytes: number): string {
  run("sh", "-c", `head -c ${sizeBytes} /dev/urandom > '${path}'`);
  return path;
}

export interface NewDisk {
  readonly chain: readonly ChainLink[];
  readonly disk: Overlay;
}

/** A fresh overlay over a raw image, open. */
export async function overlayUpon(base: string, path: string, sizeBytes: number): Promise<NewDisk> {
  await createOverlay(path, { sizeBytes, backing: { name: backingName(path, base), format: "raw" } });
  const chain: readonly ChainLink[] = [
    { path: base, format: "raw" },
    { path, format: "qcow2" },
  ];
  return { chain, disk: await openWritableChain(chain) };
}

export function allocatedBytes(path: string): number {
  return (statSync(path, { throwIfNoEntry: false })?.blocks ?? 0) * 512;
}

export function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

/** Milliseconds that the work takes. */
export async function timed(work: () => unknown): Promise<number> {
  const begin = performance.now();
  await work();
  return performance.now() - begin;
}

/** Figures of several rounds by name; what is compared runs in turn, so that other work falls on all of it. */
export class Figures {
  readonly #all = new Map<string, number[]>();

  note(name: string, value: number): void {
    this.#all.set(name, [...(this.#all.get(name) ?? []), value]);
  }

  median(name: string): number {
    return median(this.#all.get(name) ?? []);
  }
}

/** A row of a Markdown table. */
export function row(...cells: readonly (string | number)[]): void {
  console.log(`| ${cells.map((cell) => (typeof cell === "number" ? rounded(cell) : cell)).join(" | ")} |`);
}

export function heading(...cells: readonly string[]): void {
  console.log("");
  row(...cells);
  row(...cells.map(() => "---"));
}

function rounded(value: number): string {
  if (!Number.isFinite(value)) return "-";
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}
