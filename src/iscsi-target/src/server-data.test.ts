/** Data through the whole target: a RAM disk behind a real socket against a plain Uint8Array. */
import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import fc from "fast-check";
import { Initiator, READ_16, WRITE_16, cdb16 } from "../testing/initiator.ts";
import { RamDevice } from "../testing/ram-device.ts";
import { type ServeOptions, type Served, TARGET, serve } from "../testing/serve.ts";
import { NO_TAG, RESPONSE } from "./pdu/basic-header.ts";
import { type DataOut, encodeDataOut } from "./pdu/data-out.ts";
import { encodeNopOut } from "./pdu/nop.ts";
import { REJECT_REASON } from "./pdu/reject.ts";
import { encodeScsiCommand } from "./pdu/scsi-command.ts";
import type { TextKey } from "./login/text-keys.ts";

// Sockets and timers on a machine that is busy with other suites.
setDefaultTimeout(30_000);

const GOOD = 0;
const CHECK_CONDITION = 2;
const MIB = 1024 * 1024;
const FUA = 0x08;

const served: Served[] = [];
afterEach(async () => {
  for (const { server } of served.splice(0)) await server.stop();
});

async function start(options: ServeOptions = {}): Promise<Served> {
  const one = await serve(options);
  served.push(one);
  return one;
}

/** Logs in and takes the unit attention of a new nexus. */
async function ready(port: number, keys?: readonly TextKey[]): Promise<Initiator> {
  const initiator = await Initiator.login(port, { target: TARGET, ...(keys ? { keys } : {}) });
  const { status, sense } = await initiator.command([0x00]);
  expect([status, sense[2], sense[12]]).toEqual([CHECK_CONDITION, 6, 0x29]);
  return initiator;
}

function senseOf(sense: Uint8Array): string {
  return [sense[2], sense[12], sense[13]].map((byte) => (byte ?? 0).toString(16).padStart(2, "0")).join("/");
}

/** Session parameters as different as initiators'. */
const PARAMETERS: readonly { name: string; keys: readonly TextKey[] }[] = [
  {
    name: "open-iscsi's",
    keys: [
      ["InitialR2T", "No"],
      ["ImmediateData", "Yes"],
      ["FirstBurstLength", "262144"],
      ["MaxBurstLength", "16776192"],
      ["MaxRecvDataSegmentLength", "262144"],
    ],
  },
  {
    name: "iPXE's",
    keys: [
      ["InitialR2T", "Yes"],
      ["ImmediateData", "No"],
      ["MaxRecvDataSegmentLength", "8192"],
      ["MaxBurstLength", "262144"],
    ],
  },
  {
    name: "the narrowest",
    keys: [
      ["InitialR2T", "Yes"],
      ["ImmediateData", "No"],
      ["MaxRecvDataSegmentLength", "512"],
      ["MaxBurstLength", "512"],
      ["FirstBurstLength", "512"],
    ],
  },
  {
    name: "those of digests",
    keys: [
      ["HeaderDigest", "CRC32C"],
      ["DataDigest", "CRC32C"],
      ["InitialR2T", "No"],
      ["ImmediateData", "Yes"],
      ["MaxRecvDataSegmentLength", "65536"],
    ],
  },
  {
    name: "a header digest's alone",
    keys: [
      ["HeaderDigest", "CRC32C"],
      ["DataDigest", "None"],
      ["InitialR2T", "Yes"],
      ["ImmediateData", "No"],
    ],
  },
  {
    name: "a data digest's alone",
    keys: [
      ["HeaderDigest", "None"],
      ["DataDigest", "CRC32C,None"],
      ["InitialR2T", "No"],
      ["ImmediateData", "Yes"],
      ["MaxRecvDataSegmentLength", "4096"],
    ],
  },
  {
    name: "immediate data but no unsolicited",
    keys: [
      ["InitialR2T", "Yes"],
      ["ImmediateData", "Yes"],
      ["FirstBurstLength", "4096"],
      ["MaxBurstLength", "8192"],
      ["MaxRecvDataSegmentLength", "4096"],
    ],
  },
];

describe("a disk behind a session", () => {
  for (const { name, keys } of PARAMETERS) {
    for (const cold of [false, true]) {
      test(`reads and writes as an array does, with ${name} parameters${cold ? " and a slow disk" : ""}`, async () => {
        const device = new RamDevice(MIB, { cold });
        const { port } = await start({ device });
        const initiator = await ready(port, keys);
        const model = new Uint8Array(MIB);
        const immediate = initiator.keys.get("ImmediateData") === "Yes";
        const initialR2t = initiator.keys.get("InitialR2T") === "Yes";
        const firstBurst = Number(initiator.keys.get("FirstBurstLength") ?? 65536);
        const operation = fc.record({
          write: fc.boolean(),
          lba: fc.nat(2047),
          blocks: fc.integer({ min: 1, max: 300 }),
          seed: fc.nat(255),
          segmentBytes: fc.constantFrom(512, 1024, 8192, 65536),
          split: fc.double({ min: 0, max: 1, noNaN: true }),
          flags: fc.constantFrom(0, FUA),
        });
        await fc.assert(
          fc.asyncProperty(fc.array(operation, { maxLength: 12 }), async (operations) => {
            for (const { write, lba, seed, segmentBytes, split, flags, ...rest } of operations) {
              const blocks = Math.min(rest.blocks, 2048 - lba);
              const length = blocks * 512;
              const at = lba * 512;
              if (write) {
                const data = Uint8Array.from({ length }, (_, i) => seed + i + (i >> 9));
                const unsolicited = Math.min(firstBurst, length);
                const immediateLength = immediate
                  ? Math.min(Math.floor(split * unsolicited), segmentBytes) & ~3
                  : 0;
                const unsolicitedLength = initialR2t ? 0 : unsolicited - immediateLength;
                const result = await initiator.command(cdb16(WRITE_16, lba, blocks, flags), {
                  data,
                  segmentBytes,
                  immediateLength,
                  unsolicitedLength,
                });
                expect(result).toMatchObject({ status: GOOD, residual: { kind: "none" } });
                model.set(data, at);
              } else {
                const result = await initiator.command(cdb16(READ_16, lba, blocks, flags), {
                  expectedLength: length,
                });
                expect(result).toMatchObject({ status: GOOD, residual: { kind: "none" } });
                expect(Buffer.compare(result.data, model.subarray(at, at + length))).toBe(0);
              }
            }
          }),
          { numRuns: 8 },
        );
        expect(Buffer.compare(device.bytes, model)).toBe(0);
        initiator.cut();
      });
    }
  }

  test("many commands at once are all answered, each with its own data", async () => {
    const device = new RamDevice(MIB, { cold: true });
    device.bytes.forEach((_, i) => (device.bytes[i] = i >> 12));
    const { port } = await start({ device });
    const initiator = await ready(port);
    const reads = Array.from({ length: 128 }, (_, i) =>
      initiator.command(cdb16(READ_16, i * 8, 8), { expectedLength: 4096 }),
    );
    const results = await Promise.all(reads);
    results.forEach(({ data }, i) => expect(data.every((byte) => byte === i)).toBe(true));
  });

  test("blocks of 4096 bytes are addressed as such", async () => {
    const { port, device } = await start({ blockSizeBytes: 4096 });
    const initiator = await ready(port);
    await initiator.command(cdb16(WRITE_16, 3, 1), { data: new Uint8Array(4096).fill(7) });
    expect(device.bytes.indexOf(7)).toBe(3 * 4096);
  });
});

describe("residuals", () => {
  const ROWS = [
    {
      what: "a read of less than expected",
      blocks: 1,
      expectedLength: 10_000,
      moved: 512,
      residual: { kind: "underflow", count: 9488 },
    },
    {
      what: "a read of more than expected",
      blocks: 1,
      expectedLength: 200,
      moved: 200,
      residual: { kind: "overflow", count: 312 },
    },
    {
      what: "a read with nothing expected",
      blocks: 2,
      expectedLength: 0,
      moved: 0,
      residual: { kind: "overflow", count: 1024 },
    },
  ] as const;
  for (const { what, blocks, expectedLength, moved, residual } of ROWS) {
    test(`of ${what} are exact`, async () => {
      const { port } = await start();
      const initiator = await ready(port);
      const result = await initiator.command(cdb16(READ_16, 0, blocks), { expectedLength, read: true });
      expect(result).toMatchObject({ status: GOOD, residual });
      expect(result.data).toHaveLength(moved);
    });
  }

  test("of a write of less than was sent are exact, and nothing beyond it is written", async () => {
    const { port, device } = await start();
    const initiator = await ready(port, [
      ["InitialR2T", "No"],
      ["ImmediateData", "Yes"],
      ["FirstBurstLength", "1024"],
    ]);
    const data = new Uint8Array(10_240).fill(9);
    const result = await initiator.command(cdb16(WRITE_16, 0, 1), {
      data,
      immediateLength: 512,
      unsolicitedLength: 512,
    });
    expect(result).toMatchObject({
      status: GOOD,
      residual: { kind: "underflow", count: 10_240 - 512 },
      r2ts: 0,
    });
    expect(device.bytes.lastIndexOf(9)).toBe(511);
  });

  test("of a write of more than was sent are exact, and what was sent is written", async () => {
    const { port, device } = await start();
    const initiator = await ready(port);
    const result = await initiator.command(cdb16(WRITE_16, 0, 4), { data: new Uint8Array(512).fill(9) });
    expect(result).toMatchObject({ status: GOOD, residual: { kind: "overflow", count: 3 * 512 } });
    expect(device.bytes.lastIndexOf(9)).toBe(511);
  });

  test("of immediate data with Data-Out behind it are none", async () => {
    const { port } = await start();
    const initiator = await ready(port, [
      ["InitialR2T", "No"],
      ["ImmediateData", "Yes"],
      ["FirstBurstLength", "8192"],
      ["MaxBurstLength", "16384"],
    ]);
    const data = new Uint8Array(65_536).fill(3);
    const result = await initiator.command(cdb16(WRITE_16, 0, 128), {
      data,
      immediateLength: 4096,
      unsolicitedLength: 4096,
      segmentBytes: 4096,
    });
    expect(result).toMatchObject({ status: GOOD, residual: { kind: "none" }, r2ts: 4 });
  });

  test("a write that says it is a read is refused rather than lost", async () => {
    const { port } = await start();
    const initiator = await ready(port);
    const result = await initiator.command(cdb16(WRITE_16, 0, 1), { read: true, expectedLength: 512 });
    expect([result.status, senseOf(result.sense)]).toEqual([CHECK_CONDITION, "05/0e/03"]);
  });

  test("of a read that claims both directions are told for each", async () => {
    const { port } = await start();
    const initiator = await ready(port);
    const result = await initiator.command(cdb16(READ_16, 0, 2), {
      read: true,
      write: true,
      data: new Uint8Array(256),
      bidiReadLength: 512,
    });
    expect(result).toMatchObject({
      status: GOOD,
      residual: { kind: "underflow", count: 256 },
      bidiReadResidual: { kind: "overflow", count: 512 },
    });
    expect(result.data).toHaveLength(512);
  });
});

describe("stable storage", () => {
  test("SYNCHRONIZE CACHE and a FUA write are answered only after the flush", async () => {
    const { port, device } = await start();
    const initiator = await ready(port);
    for (const command of [
      () => initiator.command([0x35]),
      () => initiator.command(cdb16(WRITE_16, 0, 1, FUA), { data: new Uint8Array(512) }),
    ]) {
      const flushes = device.flushes;
      const release = device.hold();
      let isAnswered = false;
      const answer = command().then((result) => {
        isAnswered = true;
        return result;
      });
      expect((await initiator.command(cdb16(READ_16, 0, 1), { expectedLength: 512 })).status).toBe(GOOD);
      expect(isAnswered).toBe(false);
      release();
      expect((await answer).status).toBe(GOOD);
      expect(device.flushes).toBe(flushes + 1);
    }
  });

  test("a write without FUA does not wait for a flush", async () => {
    const { port, device } = await start();
    const initiator = await ready(port);
    expect((await initiator.command(cdb16(WRITE_16, 0, 1), { data: new Uint8Array(512) })).status).toBe(GOOD);
    expect(device.flushes).toBe(0);
  });
});

describe("a device that fails", () => {
  const ROWS = [
    {
      on: "read",
      code: "EIO",
      sense: "03/11/00",
      run: (i: Initiator) => i.command(cdb16(READ_16, 0, 8), { expectedLength: 4096 }),
    },
    {
      on: "write",
      code: "EIO",
      sense: "03/0c/00",
      run: (i: Initiator) => i.command(cdb16(WRITE_16, 0, 8), { data: new Uint8Array(4096) }),
    },
    {
      on: "write",
      code: "ENOSPC",
      sense: "07/27/07",
      run: (i: Initiator) =>
        i.command(cdb16(WRITE_16, 0, 256), { data: new Uint8Array(131_072), immediateLength: 0 }),
    },
    {
      on: "write",
      code: "EDQUOT",
      sense: "07/27/07",
      run: (i: Initiator) => i.command(cdb16(WRITE_16, 0, 8), { data: new Uint8Array(4096) }),
    },
    { on: "flush", code: "EIO", sense: "03/0c/00", run: (i: Initiator) => i.command([0x35]) },
  ] as const;
  for (const { on, code, sense, run } of ROWS) {
    for (const cold of on === "read" ? [false, true] : [false]) {
      test(`by ${code} on ${on}${cold ? " after a wait" : ""} answers ${sense}, and the session goes on`, async () => {
        const { port, device } = await start({ device: new RamDevice(MIB, { cold }) });
        const initiator = await ready(port);
        device.failure = { on, code };
        const failed = await run(initiator);
        expect([failed.status, senseOf(failed.sense)]).toEqual([CHECK_CONDITION, sense]);
        device.failure = undefined;
        expect((await run(initiator)).status).toBe(GOOD);
      });
    }
  }
});

describe("wrong data of the initiator", () => {
  const WRONG: readonly { what: string; sense: string; change: (right: DataOut) => Partial<DataOut> }[] = [
    { what: "a bad DataSN", sense: "0b/4b/00", change: () => ({ dataSn: 9 }) },
    { what: "a bad buffer offset", sense: "0b/4b/00", change: () => ({ bufferOffset: 512 }) },
    {
      what: "a transfer tag that nobody gave out",
      sense: "0b/0c/0c",
      change: () => ({ transferTag: 0x4711 }),
    },
    {
      what: "unsolicited data where it was solicited",
      sense: "0b/0c/0c",
      change: () => ({ transferTag: NO_TAG }),
    },
    {
      what: "an end before the end",
      sense: "0b/0c/0d",
      change: ({ dataLength }) => ({ dataLength: dataLength / 2 }),
    },
    {
      what: "more than was asked for",
      sense: "0b/0c/0d",
      change: ({ dataLength }) => ({ dataLength: dataLength * 2 }),
    },
  ];
  for (const { what, sense, change } of WRONG) {
    test(`${what} is rejected, fails its command with ${sense}, and writes nothing`, async () => {
      const { port, device } = await start();
      const initiator = await ready(port, [
        ["InitialR2T", "Yes"],
        ["ImmediateData", "No"],
      ]);
      const failing = initiator.command(cdb16(WRITE_16, 0, 2), {
        write: true,
        expectedLength: 1024,
        onR2t: ({ taskTag, transferTag, bufferOffset, desiredLength }) => {
          const right = {
            final: true,
            taskTag,
            transferTag,
            expStatSn: 0,
            dataSn: 0,
            bufferOffset,
            dataLength: desiredLength,
          };
          const wrong = { ...right, ...change(right) };
          initiator.send(encodeDataOut(wrong), new Uint8Array(wrong.dataLength).fill(1));
        },
      });
      const { opcode, header } = await initiator.next();
      expect([opcode, header[2]]).toEqual([RESPONSE.reject, REJECT_REASON.protocolError]);
      const failed = await failing;
      expect([failed.status, senseOf(failed.sense)]).toEqual([CHECK_CONDITION, sense]);
      expect(device.bytes.indexOf(1)).toBe(-1);
      expect((await initiator.command(cdb16(WRITE_16, 0, 2), { data: new Uint8Array(1024) })).status).toBe(
        GOOD,
      );
    });
  }

  test("a command whose tag is in use is rejected and the first one is answered", async () => {
    const { port, device } = await start();
    const initiator = await ready(port);
    const release = device.hold();
    const first = initiator.command([0x35]);
    const twin = encodeScsiCommand({
      immediate: false,
      final: true,
      read: false,
      write: false,
      attribute: 1,
      lun: 0,
      taskTag: initiator.nextTaskTag() - 1,
      expectedLength: 0,
      bidiReadLength: undefined,
      cmdSn: initiator.cmdSn++,
      expStatSn: 0,
      cdb: new Uint8Array(16),
      immediateLength: 0,
    });
    initiator.send(twin);
    const { opcode, header } = await initiator.next();
    expect([opcode, header[2]]).toEqual([RESPONSE.reject, REJECT_REASON.taskInProgress]);
    release();
    expect((await first).status).toBe(GOOD);
  });

  test("data that comes when a command has all of its own belongs to nobody: it is answered once", async () => {
    const { port, device } = await start();
    const initiator = await ready(port);
    const release = device.hold();
    const first = initiator.command(cdb16(WRITE_16, 0, 1, FUA), { data: new Uint8Array(512).fill(1) });
    const taskTag = initiator.nextTaskTag() - 1;
    const late = { final: true, taskTag, transferTag: 1, expStatSn: 0, dataSn: 0, bufferOffset: 0 };
    initiator.send(encodeDataOut({ ...late, dataLength: 512 }), new Uint8Array(512).fill(2));
    const ping = { immediate: true, taskTag: 99, transferTag: NO_TAG, cmdSn: 0, expStatSn: 0, dataLength: 0 };
    initiator.send(encodeNopOut(ping));
    expect((await initiator.next()).opcode).toBe(RESPONSE.nopIn);
    release();
    expect((await first).status).toBe(GOOD);
    expect(device.bytes.indexOf(2)).toBe(-1);
    initiator.send(encodeNopOut(ping));
    expect((await initiator.next()).opcode).toBe(RESPONSE.nopIn);
  });
});
