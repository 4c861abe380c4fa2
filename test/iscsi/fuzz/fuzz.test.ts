/** The fuzzer finds nothing in the target as it is, and each of the bugs planted in a copy of it. */
import { describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { runBun, runPlanted } from "../../support/planted.ts";

const ROOT = join(import.meta.dir, "../../..");
const MAIN = "test/iscsi/fuzz/main.ts";
const PLANTED = join(import.meta.dir, "planted");
const PARSERS = ["framer", "login", "text", "cdb", "session"] as const;

const isLong = process.env["PINETBOOT_LONG"] !== undefined;
/** A new seed on each long run; the same in CI, where a failure is to be the change's own. */
const SEED = isLong ? Date.now() % 2 ** 31 : 7143;
const CLEAN_SECONDS = isLong ? 300 : 3;
/** Within which each planted bug is found: counted in runs, so that a busy machine finds it too. Most take a tenth of it. */
const PLANTED_RUNS = 20_000;
const PLANTED_SECONDS = 60;
/** For Bun to start, and for making the finding small. */
const SLACK_MS = 20_000;
/** All of them wait for each other. */
const TEST_TIMEOUT_MS = 600_000 + CLEAN_SECONDS * 5000;

/** As many at once as a small machine has cores: a fuzzer that gets no turn looks like one that hangs. */
const AT_ONCE = 2;
const turns = Array.from({ length: AT_ONCE }, () => Promise.resolve());

async function inTurn<T>(work: () => Promise<T>): Promise<T> {
  const before = turns.shift();
  const { promise, resolve } = Promise.withResolvers<void>();
  turns.push(promise);
  await before;
  return work().finally(resolve);
}

describe.concurrent("the fuzzer", () => {
  for (const parser of PARSERS) {
    test(
      `finds nothing in the ${parser} as it is`,
      async () => {
        const program = [MAIN, parser, "--seed", String(SEED), "--seconds", String(CLEAN_SECONDS)];
        const { code, output } = await inTurn(() => runBun(ROOT, program, CLEAN_SECONDS * 1000 + SLACK_MS));
        expect({ code, output }).toEqual({ code: 0, output: expect.stringContaining(`seed ${SEED}`) });
      },
      TEST_TIMEOUT_MS,
    );
  }

  for (const patch of readdirSync(PLANTED).toSorted()) {
    const name = patch.replace(/\.patch$/, "");
    const [parser = ""] = name.split("-");
    test(
      `finds a planted bug: ${name}`,
      async () => {
        const { code, output } = await inTurn(() =>
          runPlanted({
            patch: join(PLANTED, patch),
            sources: ["src/iscsi-target", "test/iscsi/fuzz", "test/support", "package.json", "tsconfig.json"],
            program: [
              MAIN,
              parser,
              "--seed",
              "7143",
              "--runs",
              String(PLANTED_RUNS),
              "--seconds",
              String(PLANTED_SECONDS),
            ],
            timeoutMs: PLANTED_SECONDS * 1000 + SLACK_MS,
          }),
        );
        expect({ code, output }).toEqual({
          code: 1,
          output: expect.stringMatching(
            /FOUND by run \d+ of seed 7143: (?!thrown outside)[^]*input of \d+ bytes/,
          ),
        });
      },
      TEST_TIMEOUT_MS,
    );
  }
});

test("every parser has at least three planted bugs", () => {
  const names = readdirSync(PLANTED);
  const counts = PARSERS.map((parser) => names.filter((name) => name.startsWith(`${parser}-`)).length);
  expect(Math.min(...counts)).toBeGreaterThanOrEqual(3);
});
