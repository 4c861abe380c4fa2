/** The public conformance suite for iSCSI targets, over disks of every kind. A skip is a skip, and each has its place in the count. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { RamDevice } from "../../src/iscsi-target/testing/ram-device.ts";
import { type ServeOptions, type Served, TARGET, serve } from "../../src/iscsi-target/testing/serve.ts";
import { describeWith } from "../support/tools.ts";
import {
  CONFORMANCE_NEEDS,
  type ConformanceTool,
  type TestResult,
  conformanceTool,
} from "./conformance-tool.ts";

const SIZE = 64 * 1024 * 1024;
const LOGIN = { user: "pi", secret: "0123456789abcdef" };
const RUN_TIMEOUT_MS = 600_000;

interface Disk {
  readonly name: string;
  readonly options: Omit<ServeOptions, "device">;
  readonly readOnly?: true;
  /** What passed when this was written: fewer is a loss. */
  readonly passes: number;
  /** Tests that no target can pass on such a disk, and why. */
  readonly impossible?: Readonly<Record<string, string>>;
}

/** Both ask for something else than they say when a physical block holds several logical ones. */
const WITH_LARGE_PHYSICAL_BLOCKS = {
  "SCSI.CompareAndWrite.InvalidDataOutSize": "sends a length that is right, and expects it to be refused",
  "SCSI.GetLBAStatus.UnmapSingle":
    "asks for the block after the unmapped ones and expects an answer about the next physical block",
};

const WRITES_UNASKED = "writes to the disk whatever it says of itself";

/** To see that a reservation lets its holder write, or what a flag does: neither asks first whether the disk is read-only. */
const WITHOUT_WRITES = Object.fromEntries(
  [
    ...["EA", "WE", "EARO", "WERO", "EAAR", "WEAR"].map((type) => `SCSI.ProutReserve.Access${type}`),
    ...[10, 12, 16].map((size) => `SCSI.WriteVerify${size}.Dpo`),
  ].map((name) => [name, WRITES_UNASKED]),
);

const DISKS: readonly Disk[] = [
  {
    name: "a removable disk of 512-byte blocks, with a login",
    options: { auth: LOGIN, unit: { removable: true, physicalBlockSizeBytes: 512 } },
    passes: 212,
  },
  {
    name: "a thin disk of 512-byte blocks in physical ones of 4096",
    options: {},
    passes: 205,
    impossible: WITH_LARGE_PHYSICAL_BLOCKS,
  },
  { name: "a disk of 4096-byte blocks", options: { blockSizeBytes: 4096 }, passes: 202 },
  { name: "a read-only disk", options: {}, readOnly: true, passes: 111, impossible: WITHOUT_WRITES },
];

/**
 * The tool's leave to destroy data. Without it most tests that write are skipped, as they should be on a read-only
 * disk, but so are reservations, and the one test that tries whether such a disk refuses all writes.
 */
function mayWrite({ readOnly }: Disk, test: string): boolean {
  return !readOnly || /^SCSI\.(?:ReadOnly|Prin|Prout)/.test(test);
}

function summary(results: readonly TestResult[]): string[] {
  return results.map(({ name, verdict, words }) => `${name}: ${verdict} ${words.join(" | ")}`.trim());
}

describeWith(CONFORMANCE_NEEDS, "the conformance suite of libiscsi", () => {
  let tool: ConformanceTool;
  const servers: Served[] = [];

  beforeAll(async () => {
    tool = await conformanceTool();
  }, RUN_TIMEOUT_MS);

  afterAll(async () => {
    await Promise.all(servers.map(({ server }) => server.stop()));
  });

  test("has the tests that are counted here", () => {
    expect(tool.names).toHaveLength(239);
  });

  for (const disk of DISKS) {
    test.concurrent(
      `finds no fault with ${disk.name}`,
      async () => {
        const device = new RamDevice(SIZE, { readOnly: disk.readOnly ?? false });
        const served = await serve({ ...disk.options, device });
        servers.push(served);
        const login = disk.options.auth ? `${LOGIN.user}%${LOGIN.secret}@` : "";
        const url = `iscsi://${login}127.0.0.1:${served.port}/${TARGET}/0`;
        const results: TestResult[] = [];
        for (const name of tool.names) results.push(await tool.run(name, [url, url], mayWrite(disk, name)));
        const faults = results.filter(
          ({ name, verdict }) => verdict !== "pass" && verdict !== "skip" && !disk.impossible?.[name],
        );
        expect(summary(faults)).toEqual([]);
        // An excuse that is not needed any more goes.
        const excused = results.filter(({ verdict }) => verdict === "fail").map(({ name }) => name);
        expect(excused.toSorted()).toEqual(Object.keys(disk.impossible ?? {}).toSorted());
        const passed = results.filter(({ verdict }) => verdict === "pass").length;
        const count = `${passed} of ${results.length} pass, ${faults.length} fail, ${excused.length} excused`;
        console.log(`${disk.name}: ${count}`);
        expect(passed).toBeGreaterThanOrEqual(disk.passes);
      },
      RUN_TIMEOUT_MS,
    );
  }
});
