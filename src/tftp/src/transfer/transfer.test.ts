import { describe, expect, test } from "bun:test";
import { pattern, runTwoEnds } from "../../testing/two-ends.ts";
import type { TftpFile } from "../api.ts";
import { TftpError } from "../codec/error-code.ts";
import { agree } from "../codec/option.ts";
import { decodePacket, encodePacket, type OptionList } from "../codec/packet.ts";
import { DEFAULT_LIMITS, GIVE_UP_MS } from "../limits.ts";
import { octetContent } from "./content.ts";
import { PacketPool } from "./packet-pool.ts";
import { type Step, Transfer } from "./transfer.ts";

const ack = (block: number): Uint8Array => encodePacket({ op: "ack", block });

function begin(file: TftpFile, asked: OptionList = []): Transfer {
  const content = octetContent(file);
  return new Transfer(content, agree(asked, content.sizeBytes, DEFAULT_LIMITS), new PacketPool(), 0);
}

/** What a step sends, in short: "oack", "data 3", "error 4". */
function sent(step: Step): string[] {
  return step.packets.map((bytes) => {
    const packet = decodePacket(bytes);
    if (packet.op === "data") return `data ${packet.block}`;
    return packet.op === "error" ? `error ${packet.code}` : packet.op;
  });
}

describe("the way of a transfer", () => {
  test("without options the first packet is block 1", () => {
    expect(sent(begin(pattern(600)).start(0))).toEqual(["data 1"]);
  });

  test("with options it is the OACK, and block 1 follows its acknowledgement", () => {
    const transfer = begin(pattern(600), [["tsize", "0"]]);
    const [oack] = transfer.start(0).packets;
    expect(decodePacket(oack ?? new Uint8Array())).toEqual({ op: "oack", options: [["tsize", "600"]] });
    expect(sent(transfer.receive(ack(0), 1))).toEqual(["data 1"]);
  });

  test("a file of exactly two blocks ends with an empty third", () => {
    const transfer = begin(pattern(1024));
    transfer.start(0);
    transfer.receive(ack(1), 1);
    const last = transfer.receive(ack(2), 2);
    expect(last.packets.map((p) => p.length)).toEqual([4]);
    expect(transfer.receive(ack(3), 3).ending).toEqual({ how: "done", confirmed: true });
    expect(transfer.totalBytes).toBe(1024);
  });

  test("an empty file is one empty block", () => {
    const transfer = begin(pattern(0));
    expect(transfer.start(0).packets.map((p) => p.length)).toEqual([4]);
    expect(transfer.receive(ack(1), 1).ending).toEqual({ how: "done", confirmed: true });
  });

  test.each([1, 64])("block numbers wrap from 65535 to 0, with windowsize %d", (windowBlocks) => {
    const file = pattern(8 * 66_000 + 5);
    const numbers: number[] = [];
    const { client } = runTwoEnds({
      file,
      options: [
        ["blksize", "8"],
        ["windowsize", String(windowBlocks)],
      ],
      copiesOf(packet) {
        const decoded = decodePacket(packet);
        if (decoded.op === "data") numbers.push(decoded.block);
        return 1;
      },
    });
    expect(numbers.slice(65_533, 65_538)).toEqual([65_534, 65_535, 0, 1, 2]);
    if (client?.how !== "done") throw new Error(`the client ended with ${client?.how}`);
    expect(Buffer.compare(client.bytes, file)).toBe(0);
  });

  test("a slice reader is asked for what is sent, and never beyond the end", () => {
    const bytes = pattern(5000);
    const file = {
      sizeBytes: bytes.length,
      read(offset: number, target: Uint8Array) {
        expect(offset + target.length).toBeLessThanOrEqual(bytes.length);
        target.set(bytes.subarray(offset, offset + target.length));
      },
    };
    const { client } = runTwoEnds({ file, options: [["windowsize", "4"]] });
    expect(client).toMatchObject({ how: "done" });
    if (client?.how === "done") expect(Buffer.compare(client.bytes, bytes)).toBe(0);
  });

  test("a reader that throws ends the transfer; its words stay here", () => {
    const transfer = begin({
      sizeBytes: 10,
      read() {
        throw new Error("the disk is on fire");
      },
    });
    const { packets, ending } = transfer.start(0);
    expect(ending).toMatchObject({ how: "error", by: "server", message: "the disk is on fire" });
    expect(Buffer.concat([...packets]).toString()).not.toContain("fire");
  });
});

describe("acknowledgements", () => {
  test("a duplicate sends nothing: no Sorcerer's Apprentice", () => {
    const transfer = begin(pattern(5000));
    transfer.start(0);
    expect(sent(transfer.receive(ack(1), 1))).toEqual(["data 2"]);
    expect(sent(transfer.receive(ack(1), 2))).toEqual([]);
    expect(sent(transfer.receive(ack(2), 3))).toEqual(["data 3"]);
  });

  test("one in the middle of a window goes back to the block behind it, once", () => {
    const transfer = begin(pattern(20 * 512), [["windowsize", "4"]]);
    transfer.start(0);
    expect(sent(transfer.receive(ack(0), 1))).toEqual(["data 1", "data 2", "data 3", "data 4"]);
    expect(sent(transfer.receive(ack(2), 2))).toEqual(["data 3", "data 4", "data 5", "data 6"]);
    expect(sent(transfer.receive(ack(2), 3))).toEqual([]);
    expect(transfer.retransmits).toBe(2);
  });

  test.each([5, 4000, 65_535])("one of block %d, which was never sent, is ignored", (block) => {
    const transfer = begin(pattern(5000), [["windowsize", "4"]]);
    transfer.start(0);
    transfer.receive(ack(0), 1);
    expect(transfer.receive(ack(block), 2)).toEqual({ packets: [] });
  });

  test("the clock repeats what is in flight, sooner on a quick network than on an unknown one", () => {
    const transfer = begin(pattern(5000));
    transfer.start(0);
    expect(transfer.deadline).toBeGreaterThan(100);
    transfer.receive(ack(1), 1);
    expect(transfer.deadline).toBeLessThan(100);
    expect(sent(transfer.expire(transfer.deadline - 0.1))).toEqual([]);
    expect(sent(transfer.expire(transfer.deadline))).toEqual(["data 2"]);
  });

  test("a client that says its last acknowledgement again after a long silence is answered at once", () => {
    const transfer = begin(pattern(5000));
    transfer.start(0);
    transfer.receive(ack(1), 1);
    while (transfer.deadline < 5000) transfer.expire(transfer.deadline);
    const now = transfer.deadline - 500;
    transfer.receive(ack(1), now);
    expect(transfer.deadline).toBeLessThanOrEqual(now);
    expect(sent(transfer.expire(now))).toEqual(["data 2"]);
  });
});

describe("how a transfer ends early", () => {
  test("an ERROR behind the OACK is an early terminate, whatever its code", () => {
    for (const code of [0, 8]) {
      const transfer = begin(pattern(600), [["tsize", "0"]]);
      transfer.start(0);
      const bye = encodePacket({ op: "error", code, message: "Early terminate" });
      expect(transfer.receive(bye, 1)).toEqual({
        packets: [],
        ending: { how: "early-terminate", message: "Early terminate" },
      });
    }
  });

  test("an ERROR in the middle is the client's failure, in its words", () => {
    const transfer = begin(pattern(5000));
    transfer.start(0);
    transfer.receive(ack(1), 1);
    const full = encodePacket({ op: "error", code: 3, message: "disk full" });
    expect(transfer.receive(full, 2).ending).toEqual({
      how: "error",
      by: "client",
      code: 3,
      message: "disk full",
    });
  });

  test("silence is given up after its time, and said", () => {
    const transfer = begin(pattern(5000));
    transfer.start(0);
    let step: Step = { packets: [] };
    let repeats = 0;
    for (; !step.ending; repeats++) step = transfer.expire(transfer.deadline);
    expect(step.ending).toMatchObject({ how: "error", by: "silence" });
    expect(sent(step)).toEqual(["error 0"]);
    expect(transfer.deadline).toBe(GIVE_UP_MS);
    expect(repeats).toBeLessThan(40);
  });

  test("a client that asks for a timeout of 20 s is waited for longer", () => {
    const transfer = begin(pattern(5000), [["timeout", "20"]]);
    transfer.start(0);
    let step: Step = { packets: [] };
    while (!step.ending) step = transfer.expire(transfer.deadline);
    expect(transfer.deadline).toBe(100_000);
  });

  test("a client that only repeats itself is given up too", () => {
    const transfer = begin(pattern(5000));
    transfer.start(0);
    transfer.receive(ack(1), 1);
    let step: Step = { packets: [] };
    for (let now = 1; now < 2 * GIVE_UP_MS && !step.ending; now += 50) {
      transfer.receive(ack(1), now);
      step = transfer.expire(now);
    }
    expect(step.ending).toMatchObject({ how: "error", by: "silence" });
  });

  test.each([
    ["DATA", encodePacket({ op: "data", block: 1, payload: pattern(3) })],
    ["garbage", Uint8Array.of(9, 9, 9)],
    ["half an ACK", Uint8Array.of(0, 4, 0)],
  ])("%s from the client is answered with ERROR 4", (_name, bytes) => {
    const transfer = begin(pattern(5000));
    transfer.start(0);
    const step = transfer.receive(bytes, 1);
    expect(sent(step)).toEqual(["error 4"]);
    expect(step.ending).toMatchObject({ how: "error", by: "server", code: 4 });
  });

  test("a port that closes after the last block lost only its acknowledgement", () => {
    const transfer = begin(pattern(10));
    transfer.start(0);
    expect(transfer.unreachable().ending).toEqual({ how: "done", confirmed: false });
  });

  test("a port that closes in the middle is the client's failure", () => {
    const transfer = begin(pattern(5000));
    transfer.start(0);
    transfer.receive(ack(1), 1);
    expect(transfer.unreachable().ending).toMatchObject({ how: "error", by: "client" });
  });

  test("nothing can be asked of a transfer that has ended", () => {
    const transfer = begin(pattern(10));
    transfer.start(0);
    transfer.stop(new TftpError("not-defined", "the server stops"));
    expect(() => transfer.receive(ack(1), 1)).toThrow("ended");
  });
});
