/** Residuals of every command in every combination of flags and lengths, RFC 7143 section 11.4.5.1. */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { type CommandResult, Initiator, READ_16, WRITE_16, cdb16 } from "../testing/initiator.ts";
import { type Served, TARGET, serve } from "../testing/serve.ts";
import { type Residual, residualOf } from "./pdu/scsi-response.ts";

// Sockets on a machine that is busy with other suites.
setDefaultTimeout(30_000);

const GOOD = 0;
const CHECK_CONDITION = 2;
/** ILLEGAL REQUEST, INVALID FIELD IN COMMAND INFORMATION UNIT. */
const WRONG_DIRECTION = "05/0e/03";
const LENGTHS = [0, 1, 200, 512, 1000, 1024, 5000];

/** What each command moves, whatever its initiator expects. */
const COMMANDS = [
  { name: "READ(16) of 2 blocks", cdb: cdb16(READ_16, 0, 2), dueIn: 1024, dueOut: 0 },
  { name: "INQUIRY", cdb: [0x12, 0, 0, 0, 96], dueIn: 96, dueOut: 0 },
  { name: "WRITE(16) of 2 blocks", cdb: cdb16(WRITE_16, 0, 2), dueIn: 0, dueOut: 1024 },
  { name: "TEST UNIT READY", cdb: [0x00], dueIn: 0, dueOut: 0 },
] as const;

let served: Served;
let initiator: Initiator;
beforeAll(async () => {
  served = await serve();
  initiator = await Initiator.login(served.port, { target: TARGET });
  await initiator.command([0x00]);
});
afterAll(async () => {
  await served.server.stop();
});

interface Flags {
  readonly read: boolean;
  readonly write: boolean;
}

type Told = Pick<CommandResult, "status" | "residual" | "bidiReadResidual"> & { readonly moved: number };

const NONE: Residual = { kind: "none", count: 0 };

function expected(
  { dueIn, dueOut }: (typeof COMMANDS)[number],
  { read, write }: Flags,
  length: number,
  bidiLength: number,
): Told {
  if (dueOut > 0 && !write && length > 0)
    return { status: CHECK_CONDITION, residual: residualOf(length, 0), bidiReadResidual: NONE, moved: 0 };
  if (read && write)
    return {
      status: GOOD,
      residual: residualOf(length, dueOut),
      bidiReadResidual: residualOf(bidiLength, dueIn),
      moved: Math.min(bidiLength, dueIn),
    };
  // With nothing expected, whatever there was to move is the overflow.
  const due = length === 0 ? dueIn + dueOut : write ? dueOut : dueIn;
  const moved = read ? Math.min(length, dueIn) : 0;
  return { status: GOOD, residual: residualOf(length, due), bidiReadResidual: NONE, moved };
}

for (const command of COMMANDS)
  test(`of ${command.name} are exact for all flags and lengths`, async () => {
    for (const read of [false, true])
      for (const write of [false, true])
        for (const length of read || write ? LENGTHS : [0])
          for (const bidiLength of read && write ? LENGTHS : [0]) {
            const { status, sense, residual, bidiReadResidual, data } = await initiator.command(command.cdb, {
              read,
              write,
              expectedLength: length,
              ...(write ? { data: new Uint8Array(length) } : {}),
              ...(read && write ? { bidiReadLength: bidiLength } : {}),
            });
            const words = `R=${read} W=${write} EDTL=${length} bidirectional read length=${bidiLength}`;
            expect({ status, residual, bidiReadResidual, moved: data.length }, words).toEqual(
              expected(command, { read, write }, length, bidiLength),
            );
            if (status === CHECK_CONDITION)
              expect([2, 12, 13].map((at) => sense.subarray(at, at + 1).toHex()).join("/"), words).toBe(
                WRONG_DIRECTION,
              );
          }
  });

test("of a bidirectional command that says nothing of its read are those of a read of nothing", async () => {
  const result = await initiator.command(cdb16(READ_16, 0, 2), {
    read: true,
    write: true,
    expectedLength: 0,
  });
  expect(result).toMatchObject({ residual: NONE, bidiReadResidual: { kind: "overflow", count: 1024 } });
});
