/** Every codec pair: decode(encode(x)) is x, encode(decode(bytes)) is bytes, and short input throws. */
import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { ProtocolError } from "../wire/bytes.ts";
import { HEADER_BYTES } from "./basic-header.ts";
import { decodeAsyncMessage, encodeAsyncMessage } from "./async-message.ts";
import { decodeDataIn, encodeDataIn } from "./data-in.ts";
import { decodeDataOut, encodeDataOut } from "./data-out.ts";
import { decodeLoginRequest, decodeLoginResponse, encodeLoginRequest, encodeLoginResponse } from "./login.ts";
import {
  decodeLogoutRequest,
  decodeLogoutResponse,
  encodeLogoutRequest,
  encodeLogoutResponse,
} from "./logout.ts";
import { decodeLun, encodeLun } from "./lun.ts";
import { decodeNopIn, decodeNopOut, encodeNopIn, encodeNopOut } from "./nop.ts";
import { decodeR2t, encodeR2t } from "./r2t.ts";
import { decodeReject, encodeReject } from "./reject.ts";
import { decodeScsiCommand, encodeScsiCommand } from "./scsi-command.ts";
import { type Residual, decodeScsiResponse, encodeScsiResponse, residualOf } from "./scsi-response.ts";
import {
  decodeTaskManagementRequest,
  decodeTaskManagementResponse,
  encodeTaskManagementRequest,
  encodeTaskManagementResponse,
} from "./task-management.ts";
import { decodeTextRequest, decodeTextResponse, encodeTextRequest, encodeTextResponse } from "./text.ts";

const u8 = fc.nat(0xff);
const u16 = fc.nat(0xffff);
const u24 = fc.nat(0xffffff);
const u32 = fc.nat(0xffffffff);
const flag = fc.boolean();
const lun = fc.nat(0x3fff);
const stage = fc.nat(3);
const isid = fc.uint8Array({ minLength: 6, maxLength: 6 }).map((bytes) => bytes.toHex());
const window = { expCmdSn: u32, maxCmdSn: u32 };
const residual: fc.Arbitrary<Residual> = fc.oneof(
  fc.constant<Residual>({ kind: "none", count: 0 }),
  fc.record({
    kind: fc.constantFrom("underflow", "overflow"),
    count: fc.integer({ min: 1, max: 0xffffffff }),
  }),
);

/** A dirty scratch: an encoder that forgets to clear a field is found out. */
function into(lay: (out: Uint8Array, at: number) => void): Uint8Array {
  const out = new Uint8Array(8 + HEADER_BYTES).fill(0xee);
  lay(out, 8);
  return out.slice(8);
}

function pair<T extends object>(
  name: string,
  fields: fc.Arbitrary<T>,
  encode: (fields: T) => Uint8Array,
  decode: (header: Uint8Array) => T,
): { name: string; check: () => void; short: () => void } {
  return {
    name,
    check: () =>
      fc.assert(
        fc.property(fields, (value) => {
          const bytes = encode(value);
          expect(decode(bytes)).toEqual(value);
          expect(encode(decode(bytes)).toHex()).toBe(bytes.toHex());
        }),
      ),
    short: () => expect(() => decode(new Uint8Array(HEADER_BYTES - 1))).toThrow(ProtocolError),
  };
}

const login = {
  transit: flag,
  continues: flag,
  currentStage: stage,
  nextStage: stage,
  isid,
  tsih: u16,
  taskTag: u32,
};

const PAIRS = [
  pair(
    "SCSI Command",
    fc.record({
      immediate: flag,
      final: flag,
      read: flag,
      write: flag,
      attribute: fc.nat(7),
      lun,
      taskTag: u32,
      expectedLength: u32,
      bidiReadLength: fc.option(u32, { nil: undefined }),
      cmdSn: u32,
      expStatSn: u32,
      cdb: fc.uint8Array({ minLength: 16, maxLength: 16 }),
      immediateLength: u24,
    }),
    encodeScsiCommand,
    decodeScsiCommand,
  ),
  pair(
    "Data-Out",
    fc.record({
      final: flag,
      taskTag: u32,
      transferTag: u32,
      expStatSn: u32,
      dataSn: u32,
      bufferOffset: u32,
      dataLength: u24,
    }),
    encodeDataOut,
    decodeDataOut,
  ),
  pair(
    "Data-In",
    fc.record({
      taskTag: u32,
      final: flag,
      dataSn: u32,
      bufferOffset: u32,
      dataLength: u24,
      status: fc.option(fc.record({ statSn: u32, residual }), { nil: undefined }),
      ...window,
    }),
    (fields) => into((out, at) => encodeDataIn(fields, out, at)),
    decodeDataIn,
  ),
  pair(
    "R2T",
    fc.record({
      lun,
      taskTag: u32,
      transferTag: u32,
      statSn: u32,
      r2tSn: u32,
      bufferOffset: u32,
      desiredLength: u32,
      ...window,
    }),
    (fields) => into((out, at) => encodeR2t(fields, out, at)),
    decodeR2t,
  ),
  pair(
    "NOP-Out",
    fc.record({
      immediate: flag,
      taskTag: u32,
      transferTag: u32,
      cmdSn: u32,
      expStatSn: u32,
      dataLength: u24,
    }),
    encodeNopOut,
    decodeNopOut,
  ),
  pair(
    "NOP-In",
    fc.record({ taskTag: u32, transferTag: u32, statSn: u32, dataLength: u24, ...window }),
    (fields) => into((out, at) => encodeNopIn(fields, out, at)),
    decodeNopIn,
  ),
  pair(
    "Login Request",
    fc.record({
      ...login,
      versionMax: u8,
      versionMin: u8,
      cid: u16,
      cmdSn: u32,
      expStatSn: u32,
      dataLength: u24,
    }),
    encodeLoginRequest,
    decodeLoginRequest,
  ),
  pair(
    "Login Response",
    fc.record({ ...login, statSn: u32, status: u16, dataLength: u24, ...window }),
    encodeLoginResponse,
    decodeLoginResponse,
  ),
  pair(
    "Text Request",
    fc.record({
      immediate: flag,
      final: flag,
      continues: flag,
      taskTag: u32,
      transferTag: u32,
      cmdSn: u32,
      expStatSn: u32,
      dataLength: u24,
    }),
    encodeTextRequest,
    decodeTextRequest,
  ),
  pair(
    "Text Response",
    fc.record({
      final: flag,
      continues: flag,
      taskTag: u32,
      transferTag: u32,
      statSn: u32,
      dataLength: u24,
      ...window,
    }),
    (fields) => into((out, at) => encodeTextResponse(fields, out, at)),
    decodeTextResponse,
  ),
  pair(
    "Logout Request",
    fc.record({ immediate: flag, reason: fc.nat(0x7f), taskTag: u32, cid: u16, cmdSn: u32, expStatSn: u32 }),
    encodeLogoutRequest,
    decodeLogoutRequest,
  ),
  pair(
    "Logout Response",
    fc.record({ response: u8, taskTag: u32, statSn: u32, ...window }),
    (fields) => into((out, at) => encodeLogoutResponse(fields, out, at)),
    decodeLogoutResponse,
  ),
  pair(
    "Task Management Request",
    fc.record({
      immediate: flag,
      function: fc.nat(0x7f),
      lun,
      taskTag: u32,
      referencedTaskTag: u32,
      cmdSn: u32,
      expStatSn: u32,
      refCmdSn: u32,
    }),
    encodeTaskManagementRequest,
    decodeTaskManagementRequest,
  ),
  pair(
    "Task Management Response",
    fc.record({ response: u8, taskTag: u32, statSn: u32, ...window }),
    (fields) => into((out, at) => encodeTaskManagementResponse(fields, out, at)),
    decodeTaskManagementResponse,
  ),
  pair(
    "Asynchronous Message",
    fc.record({ event: u8, statSn: u32, parameter1: u16, parameter2: u16, parameter3: u16, ...window }),
    (fields) => into((out, at) => encodeAsyncMessage(fields, out, at)),
    decodeAsyncMessage,
  ),
];

describe("the PDU codecs", () => {
  for (const { name, check, short } of PAIRS) {
    test(`${name} comes back as it went`, check);
    test(`a short ${name} is an error`, short);
  }

  test("SCSI Response comes back as it went, sense data too", () => {
    const fields = fc.record({
      taskTag: u32,
      status: u8,
      statSn: u32,
      expDataSn: u32,
      residual,
      bidiReadResidual: residual,
      sense: fc.uint8Array({ minLength: 0, maxLength: 60 }),
      ...window,
    });
    fc.assert(
      fc.property(fields, (value) => {
        const out = new Uint8Array(200).fill(0xee);
        const length = encodeScsiResponse(value, out, 4, 60);
        expect(decodeScsiResponse(out.subarray(4, 52), out.subarray(60, 60 + length))).toEqual(value);
      }),
    );
  });

  test("Reject carries the header that it refuses", () => {
    const refused = Uint8Array.from({ length: HEADER_BYTES }, (_, i) => i);
    const out = new Uint8Array(2 * HEADER_BYTES).fill(0xee);
    const reject = { reason: 4, statSn: 7, expCmdSn: 8, maxCmdSn: 9, refused };
    encodeReject(reject, out, 0, HEADER_BYTES);
    expect(decodeReject(out.subarray(0, HEADER_BYTES), out.subarray(HEADER_BYTES))).toEqual(reject);
  });

  test("LUNs of both addressing methods are read, and all others are no LUN of ours", () => {
    fc.assert(
      fc.property(lun, (number) => {
        const bytes = new Uint8Array(8);
        encodeLun(number, bytes, 0);
        expect(decodeLun(bytes, 0)).toBe(number);
      }),
    );
    expect(decodeLun(Uint8Array.of(0, 1, 0, 1, 0, 0, 0, 0), 0)).toBe(-1);
    expect(decodeLun(Uint8Array.of(0xc1, 1, 0, 0, 0, 0, 0, 0), 0)).toBe(-1);
  });

  test("the residual is exact in every combination", () => {
    expect(residualOf(512, 512)).toEqual({ kind: "none", count: 0 });
    expect(residualOf(10_000, 512)).toEqual({ kind: "underflow", count: 9488 });
    expect(residualOf(200, 512)).toEqual({ kind: "overflow", count: 312 });
  });
});
