import { describe, expect, test } from "bun:test";
import { ProtocolError } from "../wire/bytes.ts";
import { defaultParameters } from "./key-rows.ts";
import { checkBursts, negotiateKey } from "./negotiate.ts";

const OPERATIONAL = { discovery: false, phase: "operational", firstRequest: false } as const;

/** key, offer, answer, outcome; an undefined answer says that nothing is answered. */
const ROWS: readonly (readonly [key: string, offer: string, answer: string | undefined, outcome: unknown])[] =
  [
    ["HeaderDigest", "None", "None", "None"],
    ["HeaderDigest", "CRC32C,None", "CRC32C", "CRC32C"],
    ["HeaderDigest", "None,CRC32C", "None", "None"],
    ["HeaderDigest", "SHA1", "Reject", "None"],
    ["DataDigest", "CRC32C", "CRC32C", "CRC32C"],
    ["MaxConnections", "8", "1", 1],
    ["MaxConnections", "0", "Reject", 1],
    ["InitialR2T", "Yes", "Yes", true],
    ["InitialR2T", "No", "No", false],
    ["ImmediateData", "Yes", "Yes", true],
    ["ImmediateData", "No", "No", false],
    ["ImmediateData", "maybe", "Reject", true],
    ["MaxRecvDataSegmentLength", "8192", undefined, 8192],
    ["MaxRecvDataSegmentLength", "0x40000", undefined, 262144],
    ["MaxBurstLength", "16776192", "16776192", 16776192],
    ["MaxBurstLength", "262144", "262144", 262144],
    ["MaxBurstLength", "16777216", "Reject", 262144],
    ["FirstBurstLength", "16777215", "262144", 262144],
    ["FirstBurstLength", "511", "Reject", 65536],
    ["DefaultTime2Wait", "2", "2", 2],
    ["DefaultTime2Wait", "3601", "Reject", 2],
    ["DefaultTime2Retain", "20", "0", 0],
    ["MaxOutstandingR2T", "16", "1", 1],
    ["DataPDUInOrder", "No", "Yes", true],
    ["DataSequenceInOrder", "No", "Yes", true],
    ["ErrorRecoveryLevel", "2", "0", 0],
    ["ErrorRecoveryLevel", "-1", "Reject", 0],
    ["iSCSIProtocolLevel", "2", "1", 1],
    ["TaskReporting", "FastAbort,RFC3720", "RFC3720", "RFC3720"],
    ["IFMarker", "Yes", "No", false],
    ["OFMarker", "No", "No", false],
    ["IFMarkInt", "2048~65535", "Reject", ""],
    ["OFMarkInt", "2048", "Reject", ""],
    ["X-com.example.Something", "1", "NotUnderstood", undefined],
  ];

describe("negotiation", () => {
  for (const [key, offer, answer, outcome] of ROWS) {
    test(`${key}=${offer} is answered ${answer ?? "by nothing"} and comes to ${String(outcome)}`, () => {
      const parameters = defaultParameters();
      expect(negotiateKey(key, offer, parameters, OPERATIONAL)).toBe(answer);
      expect(parameters).toMatchObject(outcome === undefined ? {} : { [key]: outcome });
    });
  }

  test("a segment length outside its range cannot be answered and fails the login", () => {
    for (const offer of ["0", "511", "16777216", "many", "1e3"])
      expect(() => negotiateKey("MaxRecvDataSegmentLength", offer, defaultParameters(), OPERATIONAL)).toThrow(
        ProtocolError,
      );
  });

  test("keys about data are irrelevant in a discovery session", () => {
    const context = { ...OPERATIONAL, discovery: true };
    expect(negotiateKey("MaxBurstLength", "512", defaultParameters(), context)).toBe("Irrelevant");
    expect(negotiateKey("HeaderDigest", "None", defaultParameters(), context)).toBe("None");
  });

  test("the session's shape is not changed in full feature phase, the segment length may be", () => {
    const context = { ...OPERATIONAL, phase: "fullFeature" } as const;
    expect(() => negotiateKey("MaxBurstLength", "512", defaultParameters(), context)).toThrow(ProtocolError);
    const parameters = defaultParameters();
    expect(negotiateKey("MaxRecvDataSegmentLength", "4096", parameters, context)).toBeUndefined();
    expect(parameters.MaxRecvDataSegmentLength).toBe(4096);
  });

  test("names are declared in the first request only", () => {
    expect(() => negotiateKey("TargetName", "iqn.x", defaultParameters(), OPERATIONAL)).toThrow(
      "out of place",
    );
  });

  test("a first burst longer than a burst is refused when offered, and lowered when it was a default", () => {
    const parameters = { ...defaultParameters(), MaxBurstLength: 512 };
    expect(() => checkBursts({ ...parameters }, true)).toThrow(ProtocolError);
    checkBursts(parameters, false);
    expect(parameters.FirstBurstLength).toBe(512);
  });
});
