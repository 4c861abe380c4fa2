/**
 * Bytes on the wire: PDUs built by hand from the RFC's diagrams, and the beginning of a session of open-iscsi 2.1.11
 * on Linux 6.12 (iscsistart with both digests), captured against this target. A client that read those bytes is known
 * to be content with them; a change here is a change on the wire.
 */
import { expect, test } from "bun:test";
import { RamDevice } from "../testing/ram-device.ts";
import { serve } from "../testing/serve.ts";
import { HEADER_BYTES } from "./pdu/basic-header.ts";
import { encodeDataIn } from "./pdu/data-in.ts";
import { decodeLoginRequest } from "./pdu/login.ts";
import { encodeR2t } from "./pdu/r2t.ts";
import { decodeScsiCommand } from "./pdu/scsi-command.ts";
import { encodeScsiResponse } from "./pdu/scsi-response.ts";
import { SenseError, encodeFixedSense } from "./scsi/sense.ts";

/** Who sent it, and the bytes. */
const CAPTURED: readonly (readonly [from: "initiator" | "target", hex: string])[] = [
  [
    "initiator",
    [
      "43870000000001aa00023d00000200000000000000000000000000000000000000000000000000000000000000000000",
      "496e69746961746f724e616d653d69716e2e323032362d30312e746573743a6c696e757800496e69746961746f72416c",
      "6961733d286e6f6e6529005461726765744e616d653d69716e2e323032362d30312e746573743a6469736b0053657373",
      "696f6e547970653d4e6f726d616c004865616465724469676573743d43524333324300446174614469676573743d4352",
      "433332430044656661756c7454696d6532576169743d320044656661756c7454696d653252657461696e3d300049464d",
      "61726b65723d4e6f004f464d61726b65723d4e6f004572726f725265636f766572794c6576656c3d3000496e69746961",
      "6c5232543d4e6f00496d6d656469617465446174613d596573004d617842757273744c656e6774683d31363737363139",
      "3200466972737442757273744c656e6774683d323632313434004d61784f75747374616e64696e675232543d31004d61",
      "78436f6e6e656374696f6e733d310044617461504455496e4f726465723d596573004461746153657175656e6365496e",
      "4f726465723d596573004d617852656376446174615365676d656e744c656e6774683d323632313434000000",
    ].join(""),
  ],
  [
    "target",
    [
      "238700000000015200023d0000020001000000000000000000000000000000000000007f000000000000000000000000",
      "4865616465724469676573743d43524333324300446174614469676573743d4352433332430044656661756c7454696d",
      "6532576169743d320044656661756c7454696d653252657461696e3d300049464d61726b65723d4e6f004f464d61726b",
      "65723d4e6f004572726f725265636f766572794c6576656c3d3000496e697469616c5232543d4e6f00496d6d65646961",
      "7465446174613d596573004d617842757273744c656e6774683d313637373631393200466972737442757273744c656e",
      "6774683d323632313434004d61784f75747374616e64696e675232543d31004d6178436f6e6e656374696f6e733d3100",
      "44617461504455496e4f726465723d596573004461746153657175656e6365496e4f726465723d596573005461726765",
      "74506f7274616c47726f75705461673d31004d617852656376446174615365676d656e744c656e6774683d3236323134",
      "34000000",
    ].join(""),
  ],
  [
    "initiator",
    [
      "01c100000000000000000000000000000100000000000024000000000000000112000000240000000000000000000000",
      "346a44c7",
    ].join(""),
  ],
  [
    "target",
    [
      "2581000000000024000000000000000001000000ffffffff000000010000000100000080000000000000000000000000",
      "8717d149000006125b080002544553542020202052414d206469736b202020202020202031202020adeeb27b",
    ].join(""),
  ],
  [
    "initiator",
    [
      "01c100000000000000000000000000000200000000000060000000010000000212000000600000000000000000000000",
      "46d75ed9",
    ].join(""),
  ],
  [
    "target",
    [
      "2581000000000060000000000000000002000000ffffffff000000020000000200000081000000000000000000000000",
      "c5e559d0000006125b080002544553542020202052414d206469736b2020202020202020312020200000000000000000",
      "000000000000000000000000000000a0046004c009600000000000000000000000000000000000000000000000000000",
      "000000000b368aba",
    ].join(""),
  ],
];

function layed(length: number, lay: (out: Uint8Array) => void): string {
  const out = new Uint8Array(length).fill(0xee);
  lay(out);
  return out.toHex();
}

test("open-iscsi's login with digests and its first commands are answered byte for byte as when it was content", async () => {
  const { port, server } = await serve({ device: new RamDevice(96 * 1024 * 1024) });
  const received: string[] = [];
  const { promise: closed, resolve } = Promise.withResolvers<void>();
  let onBytes: (() => void) | undefined;
  const socket = await Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: {
      binaryType: "uint8array",
      data: (_socket, chunk) => {
        received.push(chunk.toHex());
        onBytes?.();
      },
      close: () => resolve(),
    },
  });
  for (const [from, hex] of CAPTURED) {
    if (from === "initiator") {
      received.length = 0;
      socket.write(Uint8Array.fromHex(hex));
      continue;
    }
    while (received.join("").length < hex.length) {
      const { promise, resolve: arrived } = Promise.withResolvers<void>();
      onBytes = arrived;
      await promise;
    }
    expect(received.join("")).toBe(hex);
  }
  socket.terminate();
  await closed;
  await server.stop();
});

test("what open-iscsi sent is read as what it meant", () => {
  const [login, , inquiry] = CAPTURED.map(([, hex]) => Uint8Array.fromHex(hex));
  expect(decodeLoginRequest((login ?? new Uint8Array()).subarray(0, HEADER_BYTES))).toMatchObject({
    transit: true,
    currentStage: 1,
    nextStage: 3,
    isid: "00023d000002",
    tsih: 0,
    cid: 0,
    cmdSn: 0,
  });
  expect(decodeScsiCommand((inquiry ?? new Uint8Array()).subarray(0, HEADER_BYTES))).toMatchObject({
    final: true,
    read: true,
    write: false,
    attribute: 1,
    lun: 0,
    // Its own byte order; to a target a tag is any number.
    taskTag: 0x01000000,
    expectedLength: 36,
    expStatSn: 1,
  });
});

test("a Data-In with status says F, U and S, and its residual", () => {
  const dataIn = {
    taskTag: 0x01020304,
    final: true,
    dataSn: 5,
    bufferOffset: 0x200,
    dataLength: 0x1000,
    status: { statSn: 9, residual: { kind: "underflow", count: 0x10 } as const },
    expCmdSn: 0x20,
    maxCmdSn: 0x9f,
  };
  expect(layed(48, (out) => encodeDataIn(dataIn, out, 0))).toBe(
    [
      "25830000",
      "00001000",
      "0000000000000000",
      "01020304",
      "ffffffff",
      "00000009",
      "00000020",
      "0000009f",
    ].join("") + ["00000005", "00000200", "00000010"].join(""),
  );
});

test("an R2T names the part of the buffer that it wants", () => {
  const r2t = {
    lun: 3,
    taskTag: 7,
    transferTag: 0x11,
    statSn: 2,
    expCmdSn: 4,
    maxCmdSn: 0x83,
    r2tSn: 1,
    bufferOffset: 0x10000,
    desiredLength: 0x40000,
  };
  expect(layed(48, (out) => encodeR2t(r2t, out, 0))).toBe(
    [
      "31800000",
      "00000000",
      "0003000000000000",
      "00000007",
      "00000011",
      "00000002",
      "00000004",
      "00000083",
    ].join("") + ["00000001", "00010000", "00040000"].join(""),
  );
});

test("a CHECK CONDITION carries its sense data behind two bytes of length", () => {
  const response = {
    taskTag: 8,
    status: 2,
    statSn: 3,
    expCmdSn: 4,
    maxCmdSn: 5,
    expDataSn: 0,
    residual: { kind: "underflow", count: 0x200 } as const,
    bidiReadResidual: { kind: "none", count: 0 } as const,
    sense: encodeFixedSense(new SenseError("lbaOutOfRange", { information: 0x1234 })),
  };
  expect(layed(68, (out) => void encodeScsiResponse(response, out, 0, 48))).toBe(
    [
      "21820002",
      "00000014",
      "0000000000000000",
      "00000008",
      "00000000",
      "00000003",
      "00000004",
      "00000005",
    ].join("") +
      ["00000000", "00000000", "00000200"].join("") +
      ["0012", "f0000500001234", "0a", "00000000", "2100", "00", "000000"].join(""),
  );
});
