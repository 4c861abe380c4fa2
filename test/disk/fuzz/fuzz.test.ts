/** The fuzzer of overlay files finds nothing as they are opened now, and each bug planted in a copy of the sources. */
import { describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { runBun, runPlanted } from "../../support/planted.ts";

const ROOT = join(import.meta.dir, "../../..");
const MAIN = "test/disk/fuzz/main.ts";
const PLANTED = join(import.meta.dir, "planted");

const isLong = process.env["PINETBOOT_LONG"] === "1";
/** Another seed in each long run; the same in CI, where a failure is to be the change's own. */
const SEED = isLong ? Date.now() % 2 ** 31 : 514;
const SECONDS = isLong ? 300 : 5;
/** Counted in runs, so that a busy machine finds it too; most take a tenth. */
const PLANTED_RUNS = 6000;
const PLANTED_SECONDS = 60;
const SLACK_MS = 30_000;

describe("the fuzzer of overlay files", () => {
  test(
    "finds nothing",
    async () => {
      const program = [MAIN, "overlay", "--seed", String(SEED), "--seconds", String(SECONDS)];
      const { code, output } = await runBun(ROOT, program, SECONDS * 1000 + SLACK_MS);
      expect({ code, output }).toEqual({ code: 0, output: expect.stringContaining(`seed ${SEED}`) });
    },
    SECONDS * 1000 + 2 * SLACK_MS,
  );

  test.each(readdirSync(PLANTED).toSorted())(
    "finds the planted bug %s",
    async (patch) => {
      const order = ["--seed", "514", "--runs", String(PLANTED_RUNS), "--seconds", String(PLANTED_SECONDS)];
      const { code, output } = await runPlanted({
        patch: join(PLANTED, patch),
        sources: ["src/disk", "test/disk/fuzz", "test/support", "package.json", "tsconfig.json"],
        program: [MAIN, "overlay", ...order],
        timeoutMs: PLANTED_SECONDS * 1000 + SLACK_MS,
      });
      expect({ code, output }).toEqual({ code: 1, output: expect.stringContaining("of seed 514") });
    },
    PLANTED_SECONDS * 1000 + 2 * SLACK_MS,
  );
});
