/**
 * The public conformance suite for iSCSI targets, over disks of every kind, and over tgt beside them.
 * A skip is a skip, and each has its reason. What was found is written to docs/conformance.md.
 */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RamDevice } from "../../../src/iscsi-target/testing/ram-device.ts";
import { type Served, TARGET, serve } from "../../../src/iscsi-target/testing/serve.ts";
import { describeWith } from "../../support/tools.ts";
import { DISKS, type Disk, LOGIN, NEED_LEAVE_TO_WRITE } from "./disks.ts";
import { type TgtResults, excusedTests, report, skipReason } from "./report.ts";
import { SessionOfPinetboot } from "./pinetboot.ts";
import { TGT_NEEDS, type Tgt, startTgt } from "./tgt.ts";
import { CONFORMANCE_NEEDS, type ConformanceTool, type TestResult, conformanceTool } from "./tool.ts";

const SIZE = 64 * 1024 * 1024;
const RUN_TIMEOUT_MS = 600_000;
const DOCUMENT = join(import.meta.dir, "..", "..", "..", "docs", "conformance.md");

function summary(results: readonly TestResult[]): string[] {
  return results.map(({ name, verdict, words }) => `${name}: ${verdict} ${words.join(" | ")}`.trim());
}

function failing(results: readonly TestResult[]): TestResult[] {
  return results.filter(({ verdict }) => verdict !== "pass" && verdict !== "skip");
}

describeWith(CONFORMANCE_NEEDS, "the conformance suite of libiscsi", () => {
  let tool: ConformanceTool;
  const servers: Served[] = [];
  const pinetboot = new SessionOfPinetboot(SIZE);
  /** All disks at once: each run waits for its answers most of the time. */
  const runs = new Map<Disk, Promise<readonly TestResult[]>>();

  const serveInMemory = async ({ options, readOnly }: Disk): Promise<string> => {
    if (options === "pinetboot") throw new Error("that is another server's");
    const served = await serve({ ...options, device: new RamDevice(SIZE, { readOnly: readOnly === true }) });
    servers.push(served);
    const login = options.auth ? `${LOGIN.user}%${LOGIN.secret}@` : "";
    return `iscsi://${login}127.0.0.1:${served.port}/${TARGET}/0`;
  };
  const runDisk = async (disk: Disk): Promise<readonly TestResult[]> => {
    const url = disk.options === "pinetboot" ? await pinetboot.start() : await serveInMemory(disk);
    const results: TestResult[] = [];
    for (const name of tool.names)
      results.push(await tool.run(name, [url, url], !disk.readOnly || NEED_LEAVE_TO_WRITE.test(name)));
    return results;
  };
  const resultsOf = async (disk: Disk): Promise<readonly TestResult[]> => (await runs.get(disk)) ?? [];

  beforeAll(async () => {
    tool = await conformanceTool();
    for (const disk of DISKS) runs.set(disk, runDisk(disk));
  }, RUN_TIMEOUT_MS);

  afterAll(async () => {
    await Promise.all(runs.values());
    await Promise.all([pinetboot.stop(), ...servers.map(({ server }) => server.stop())]);
  }, RUN_TIMEOUT_MS);

  test("has the tests that are counted here", () => {
    expect(tool.names).toHaveLength(239);
  });

  for (const disk of DISKS) {
    describe(disk.name, () => {
      test(
        "fails nothing, but for the tool's own faults",
        async () => {
          const bad = failing(await resultsOf(disk));
          const excused = excusedTests(disk);
          expect(summary(bad.filter(({ name }) => !excused.includes(name)))).toEqual([]);
          // An excuse that is not needed any more goes.
          expect(bad.map(({ name }) => name).toSorted()).toEqual(excused.toSorted());
        },
        RUN_TIMEOUT_MS,
      );

      test("passes as many as it did, and skips nothing without a reason", async () => {
        const results = await resultsOf(disk);
        const unexplained = results.filter((result) => result.verdict === "skip" && !skipReason(result));
        expect(summary(unexplained)).toEqual([]);
        const passed = results.filter(({ verdict }) => verdict === "pass").length;
        console.log(`${disk.name}: ${passed} of ${results.length} pass`);
        expect(passed).toBeGreaterThanOrEqual(disk.passes);
      });
    });
  }

  describeWith(TGT_NEEDS, "beside tgt", () => {
    let folder = "";
    let tgt: Tgt;
    let tgtRun: Promise<TgtResults>;

    beforeAll(async () => {
      folder = await mkdtemp(join(tmpdir(), "pinetboot-tgt-"));
      const image = join(folder, "disk.img");
      await Bun.write(image, new Uint8Array(SIZE));
      const free = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
      const { port } = free;
      free.stop(true);
      tgt = await startTgt(port, image);
      tgtRun = runTgt();
    }, RUN_TIMEOUT_MS);

    afterAll(async () => {
      await tgtRun;
      await tgt.stop();
      await rm(folder, { recursive: true });
    }, RUN_TIMEOUT_MS);

    const runTgt = async (): Promise<TgtResults> => {
      const { version, url } = tgt;
      const withoutLeave: string[] = [];
      for (const name of tool.names.filter((name) => NEED_LEAVE_TO_WRITE.test(name)))
        if (failing([await tool.run(name, [url, url], false)]).length > 0) withoutLeave.push(name);
      const results: TestResult[] = [];
      for (const name of tool.names) results.push(await tool.run(name, [url, url], true));
      return { version, results, withoutLeave };
    };

    test(
      "every disk that can be written passes more and fails less",
      async () => {
        const { results } = await tgtRun;
        const passed = results.filter(({ verdict }) => verdict === "pass").length;
        for (const disk of DISKS.filter(({ readOnly }) => !readOnly)) {
          const ours = await resultsOf(disk);
          expect(ours.filter(({ verdict }) => verdict === "pass").length).toBeGreaterThan(passed);
          expect(failing(ours).length).toBeLessThan(failing(results).length);
        }
      },
      RUN_TIMEOUT_MS,
    );

    test("what was found is what docs/conformance.md says", async () => {
      const disks = new Map<Disk, readonly TestResult[]>();
      for (const disk of DISKS) disks.set(disk, await resultsOf(disk));
      const found = report({ tool: tool.version, disks, tgt: await tgtRun });
      const file = Bun.file(DOCUMENT);
      const said = (await file.exists()) ? await file.text() : "";
      // Another tgt fails other tests: the document is of the one that it names.
      const isOther = said !== "" && !said.includes(`tgt ${tgt.version} `);
      if (isOther || said === found) return;
      await Bun.write(DOCUMENT, found);
      throw new Error(
        "docs/conformance.md was not true. It has been written anew: look at it and commit it.",
      );
    });
  });
});
