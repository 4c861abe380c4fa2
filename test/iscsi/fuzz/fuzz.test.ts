/** The fuzzer finds nothing in the target as it is, and each of the bugs planted in a copy of it. */
import { describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { runBun, runPlanted } from "../../support/planted.ts";

const ROOT = join(import.meta.dir, "../../..");
const MAIN = "test/iscsi/fuzz/main.ts";
const PLANTED = join(import.meta.dir, "planted");
const PARSERS = ["framer"] as const;

const isLong = process.env["PINETBOOT_LONG"] !== undefined;
/** A new seed on each long run; the same in CI, where a failure is to be the change's own. */
const SEED = isLong ? Date.now() % 2 ** 31 : 7143;
const CLEAN_SECONDS = isLong ? 300 : 4;
/** Within which each planted bug is found. Most take a tenth of it. */
const PLANTED_SECONDS = 10;
/** For Bun to start, and for making the finding small. */
const SLACK_MS = 20_000;

describe.concurrent("the fuzzer", () => {
  for (const parser of PARSERS) {
    test(
      `finds nothing in the ${parser} as it is`,
      async () => {
        const program = [MAIN, parser, "--seed", String(SEED), "--seconds", String(CLEAN_SECONDS)];
        const { code, output } = await runBun(ROOT, program, CLEAN_SECONDS * 1000 + SLACK_MS);
        expect({ code, output }).toEqual({ code: 0, output: expect.stringContaining(`seed ${SEED}`) });
      },
      CLEAN_SECONDS * 1000 + 2 * SLACK_MS,
    );
  }

  for (const patch of readdirSync(PLANTED).toSorted()) {
    const name = patch.replace(/\.patch$/, "");
    const [parser = ""] = name.split("-");
    test(
      `finds a planted bug: ${name}`,
      async () => {
        const { code, output } = await runPlanted({
          patch: join(PLANTED, patch),
          sources: ["src/iscsi-target", "test/iscsi/fuzz", "test/support", "package.json", "tsconfig.json"],
          program: [MAIN, parser, "--seed", "7143", "--seconds", String(PLANTED_SECONDS)],
          timeoutMs: PLANTED_SECONDS * 1000 + SLACK_MS,
        });
        expect({ code, output }).toEqual({
          code: 1,
          output: expect.stringMatching(
            /FOUND by run \d+ of seed 7143: (?!thrown outside)[^]*input of \d+ bytes/,
          ),
        });
      },
      PLANTED_SECONDS * 1000 + 2 * SLACK_MS,
    );
  }
});

test("every parser has at least three planted bugs", () => {
  const names = readdirSync(PLANTED);
  const counts = PARSERS.map((parser) => names.filter((name) => name.startsWith(`${parser}-`)).length);
  expect(Math.min(...counts)).toBeGreaterThanOrEqual(3);
});
