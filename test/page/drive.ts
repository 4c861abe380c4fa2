/** Runs one of the flows of `browser.mjs` in a child, beside what happens meanwhile. */
import { join } from "node:path";
import { expect } from "bun:test";
import type { z } from "zod";

const BROWSER = join(import.meta.dir, "browser.mjs");

export interface Drive {
  readonly url: string;
  /** A file of the person's computer. */
  readonly file?: string;
  /** Runs from when the flow has said its first line. */
  readonly meanwhile?: () => Promise<void>;
  /** Before the command: a network namespace. */
  readonly run?: readonly string[];
}

/** Resolves with what the flow saw, its last line. */
export async function driveBrowser<T>(
  flow: string,
  schema: z.ZodType<T>,
  { url, file = "", meanwhile, run = [] }: Drive,
): Promise<T> {
  const child = Bun.spawn([...run, "node", BROWSER, flow, url, file], { stdout: "pipe", stderr: "inherit" });
  let text = "";
  let beside: Promise<void> | undefined;
  const decoder = new TextDecoder();
  for await (const bytes of child.stdout) {
    text += decoder.decode(bytes, { stream: true });
    if (text.includes("\n")) beside ??= meanwhile?.();
  }
  await beside;
  expect(await child.exited).toBe(0);
  return schema.parse(JSON.parse(text.trim().split("\n").at(-1) ?? ""));
}
