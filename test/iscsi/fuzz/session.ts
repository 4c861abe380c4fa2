/**
 * Whole sessions: a login of the fuzzer's own, then PDUs, into a real connection over a wire in memory. Whatever comes,
 * what is said is right, the disk's ends hold, nothing is left behind, and the next initiator is served.
 * An input is three bytes of circumstances, then PDUs; numbers and digests are put right unless the first byte says no.
 */
import { type FuzzTarget, readCorpus } from "../../support/fuzz/engine.ts";
import { Random } from "../../support/fuzz/random.ts";
import { FakeServer, FakeWire, StrictDevice, settle } from "./fake-peer.ts";
import { TARGET } from "./login-door.ts";
import {
  HEAD_BYTES,
  type RawPdu,
  cutPdus,
  joinPdu,
  joinPdus,
  lengthsOf,
  mutatePdus,
  piecesOf,
  withData,
} from "./pdu-stream.ts";
import { ReplyCheck } from "./reply-check.ts";

const CONFIG_BYTES = 3;
const DIGESTS = 0x01;
const COLD_DISK = 0x02;
const SLOW_WIRE = 0x04;
const RAW_NUMBERS = 0x08;
const NO_PAUSES = 0x10;
const SMALL_SEGMENTS = 0x20;
const UNSOLICITED = 0x40;
const READ_ONLY = 0x80;

const DISK_BYTES = 64 * 1024;
const MAX_PDUS = 60;
/** Of all answers: reads of the whole disk by each PDU. */
const MAX_OUTPUT_BYTES = MAX_PDUS * (DISK_BYTES + 64 * 1024);
const MAX_EVENT_CHARACTERS = 600;

const corpus = readCorpus(`${import.meta.dir}/corpus/session`);
const others = corpus.flatMap((input) => cutPdus(input.subarray(CONFIG_BYTES)).pdus);

export const sessionTarget: FuzzTarget = {
  name: "session",
  corpus,
  pieces: (input) => piecesOf(input, CONFIG_BYTES),
  mutate(input, random) {
    if (random.chance(20)) return Buffer.concat([random.bytes(CONFIG_BYTES), input.subarray(CONFIG_BYTES)]);
    const { pdus } = cutPdus(input.subarray(CONFIG_BYTES));
    return Buffer.concat([input.subarray(0, CONFIG_BYTES), joinPdus(mutatePdus(pdus, random, others))]);
  },
  async check(input) {
    const flags = input[0] ?? 0;
    const random = new Random(input[1] ?? 0);
    const device = new StrictDevice(DISK_BYTES, {
      cold: (flags & COLD_DISK) !== 0,
      readOnly: (flags & READ_ONLY) !== 0,
    });
    const server = new FakeServer(device);
    const wire = new FakeWire(server.host, (flags & SLOW_WIRE) !== 0);
    const digests = (flags & DIGESTS) !== 0;
    const maxDataBytes = flags & SMALL_SEGMENTS ? 512 : 8192;
    const maxBurst = flags & SMALL_SEGMENTS ? 1024 : 65_536;
    const loginBytes = await logIn(wire, [
      `HeaderDigest=${digests ? "CRC32C" : "None"}`,
      `DataDigest=${digests ? "CRC32C" : "None"}`,
      `MaxRecvDataSegmentLength=${maxDataBytes}`,
      `MaxBurstLength=${maxBurst}`,
      `FirstBurstLength=${maxBurst}`,
      `InitialR2T=${flags & UNSOLICITED ? "No" : "Yes"}`,
    ]);
    const terms = { headerDigest: digests, dataDigest: digests, maxDataBytes, maxBurst, statSn: 1 };
    const replies = new ReplyCheck(terms);
    const { pdus, rest } = cutPdus(input.subarray(CONFIG_BYTES));
    let cmdSn = 1;
    for (const pdu of pdus.slice(0, MAX_PDUS)) {
      cmdSn = flags & RAW_NUMBERS ? cmdSn : renumber(pdu.head, cmdSn);
      replies.sent(pdu.head);
      for (const piece of piecesAtRandom(joinPdu(pdu, terms), random)) wire.send(piece);
      if (!(flags & NO_PAUSES)) await settle(1);
    }
    if (pdus.length < MAX_PDUS) {
      // Its data is missing, but its header may be answered.
      if (rest.length >= HEAD_BYTES) replies.sent(rest);
      wire.send(rest);
    }
    await settle(flags & SLOW_WIRE ? 60 : undefined);
    replies.received(wire.received.subarray(loginBytes));
    if (wire.received.length > MAX_OUTPUT_BYTES) throw new Error(`${wire.received.length} bytes of answers`);
    wire.hangUp();
    await settle();
    checkLeftovers(server);
    await checkNext(server);
  },
};

async function logIn(wire: FakeWire, keys: readonly string[], isid = 1): Promise<number> {
  const text = [`InitiatorName=iqn.2026-01.test:host${isid}`, `TargetName=${TARGET}`, ...keys, ""].join("\0");
  const head = new Uint8Array(HEAD_BYTES);
  head.set([0x43, 0x87]);
  head.set([0x02, 0x3d, 0, 0, 0, isid], 8);
  head[27] = 1;
  wire.send(joinPdu(withData({ head, data: new Uint8Array(0) }, new TextEncoder().encode(text))));
  // Opening a session takes a turn or two; a slow wire a few more.
  for (let turn = 0; turn < 20; turn++) {
    const { received } = wire;
    if (received.length >= HEAD_BYTES) {
      const { data } = lengthsOf(received);
      const end = HEAD_BYTES + Math.ceil(data / 4) * 4;
      if (received.length >= end) {
        if (received[36] !== 0)
          throw new Error(`a login is refused with status ${received[36]}/${received[37]}`);
        return end;
      }
    }
    await settle(1);
  }
  throw new Error("a login is not answered");
}

/** The CmdSN that is due; returns the next one. */
function renumber(head: Uint8Array, cmdSn: number): number {
  const opcode = (head[0] ?? 0) & 0x3f;
  if (opcode === 0x05 || opcode > 0x06) return cmdSn;
  new DataView(head.buffer, head.byteOffset).setUint32(24, cmdSn);
  const isImmediate = ((head[0] ?? 0) & 0x40) !== 0;
  const isUnnumbered =
    opcode === 0x00 && new DataView(head.buffer, head.byteOffset).getUint32(16) === 0xffffffff;
  return isImmediate || isUnnumbered ? cmdSn : cmdSn + 1;
}

function* piecesAtRandom(bytes: Uint8Array, random: Random): Generator<Uint8Array> {
  const cut = random.chance(30) ? random.below(bytes.length) : 0;
  if (cut > 0) yield bytes.slice(0, cut);
  yield bytes.slice(cut);
}

function checkLeftovers({ device, registry, output, events, opened, closed }: FakeServer): void {
  if (device.violation !== undefined) throw new Error(`beyond the end: ${device.violation}`);
  if (registry.all().length > 0) throw new Error("a session is left behind");
  if (opened !== closed) throw new Error(`${opened} targets opened and ${closed} closed`);
  if (output.tailBytes !== 0) throw new Error(`${output.tailBytes} bytes are held for nobody`);
  for (const event of events) {
    const words = "reason" in event ? event.reason : "";
    // oxlint-disable-next-line no-control-regex -- they are what is looked for
    if (/[\u0000-\u001f\u007f-\u009f]/.test(words) || words.length > MAX_EVENT_CHARACTERS)
      throw new Error(`an event says ${JSON.stringify(words.slice(0, MAX_EVENT_CHARACTERS + 1))}`);
    if (/in the target itself/.test(words)) throw new Error(`an error of its own: ${words}`);
  }
}

/** An initiator that keeps to the rules: TEST UNIT READY twice (the first tells of the power-on), then a read. */
async function checkNext(server: FakeServer): Promise<void> {
  const wire = new FakeWire(server.host);
  const loginBytes = await logIn(wire, ["MaxRecvDataSegmentLength=8192"], 2);
  const commands: RawPdu[] = [[0x00], [0x00], [0x28, 0, 0, 0, 0, 0, 0, 0, 1]].map((cdb, i) => {
    const head = new Uint8Array(HEAD_BYTES);
    const view = new DataView(head.buffer);
    head.set([0x01, i === 2 ? 0xc1 : 0x81]);
    view.setUint32(16, i + 1);
    view.setUint32(20, i === 2 ? 512 : 0);
    view.setUint32(24, i + 1);
    head.set(cdb, 32);
    return { head, data: new Uint8Array(0) };
  });
  wire.send(joinPdus(commands));
  await settle();
  const { pdus } = cutPdus(wire.received.subarray(loginBytes));
  const last = pdus.at(-1);
  // A reservation or an ejected medium of the one before is its right; silence is not.
  const isAnswered = pdus.length === 3 && (last?.head[0] === 0x25 || last?.head[0] === 0x21);
  if (!isAnswered) throw new Error(`the next initiator got ${pdus.length} answers of 3`);
  wire.hangUp();
  await settle();
}
