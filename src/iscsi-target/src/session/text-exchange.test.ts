import { describe, expect, test } from "bun:test";
import { defaultParameters } from "../login/key-rows.ts";
import { type TextKey, decodeTextKeys, encodeTextKeys } from "../login/text-keys.ts";
import { NO_TAG } from "../pdu/basic-header.ts";
import { ProtocolError } from "../wire/bytes.ts";
import type { DiscoveryView } from "./send-targets.ts";
import { TextExchange } from "./text-exchange.ts";

const OWN = "iqn.2026-01.test:own";
const VIEW: DiscoveryView = { visible: () => [OWN], portal: () => "10.0.0.1:3260", ownTarget: undefined };

function ask(keys: readonly TextKey[], view = VIEW): TextKey[] {
  const data = encodeTextKeys(keys);
  const request = {
    immediate: true,
    final: true,
    continues: false,
    taskTag: 1,
    transferTag: NO_TAG,
    cmdSn: 1,
    expStatSn: 1,
    dataLength: data.length,
  };
  return decodeTextKeys(new TextExchange(defaultParameters(), view).receive(request, data).data);
}

describe("a text request", () => {
  test("with a key that nobody knows beside one that is known has both answered", () => {
    expect(
      ask([
        ["SendTargets", OWN],
        ["X-com.example.Colour", "blue"],
      ]),
    ).toEqual([
      ["TargetName", OWN],
      ["TargetAddress", "10.0.0.1:3260,1"],
      ["X-com.example.Colour", "NotUnderstood"],
    ]);
  });

  test("of which nothing is understood is told so", () => {
    for (const key of ["X-com.example.Colour", "Colour"])
      expect(ask([[key, "blue"]])).toEqual([[key, "NotUnderstood"]]);
  });

  test("for a discovery that is misspelt is rejected, for libiscsi hangs up on any answer to it", () => {
    for (const key of ["SendTargetsPlease", "sENDtARGETS"])
      expect(() => ask([[key, "All"]])).toThrow(ProtocolError);
  });

  test("does not go on and end at once", () => {
    const request = { immediate: true, final: true, continues: true, taskTag: 1, transferTag: NO_TAG };
    const exchange = new TextExchange(defaultParameters(), VIEW);
    expect(() =>
      exchange.receive({ ...request, cmdSn: 1, expStatSn: 1, dataLength: 0 }, new Uint8Array(0)),
    ).toThrow(ProtocolError);
  });

  test("may declare a new segment length, and nothing that shapes the session", () => {
    expect(ask([["MaxRecvDataSegmentLength", "65536"]])).toEqual([]);
    for (const key of ["MaxBurstLength", "HeaderDigest", "InitiatorName", "ErrorRecoveryLevel"])
      expect(() => ask([[key, "1"]]), key).toThrow(ProtocolError);
  });

  test("for no target by name is an error in discovery, where there is no own one", () => {
    expect(() => ask([["SendTargets", ""]])).toThrow(ProtocolError);
    expect(() => ask([["SendTargets", "Some"]])).toThrow(ProtocolError);
    expect(ask([["SendTargets", ""]], { ...VIEW, ownTarget: OWN })).toHaveLength(2);
  });

  test("shows nothing of a target that this login may not see", () => {
    expect(ask([["SendTargets", "iqn.2026-01.test:hidden"]])).toEqual([]);
  });
});
