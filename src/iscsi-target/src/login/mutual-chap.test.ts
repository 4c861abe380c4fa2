import { describe, expect, test } from "bun:test";
import type { ChapLogin } from "../directory.ts";
import { Authentication } from "./authentication.ts";
import {
  CHAP_ALGORITHMS,
  type ChapAlgorithm,
  chapResponse,
  decodeBinary,
  decodeIdentifier,
  encodeBinary,
} from "./chap.ts";

const LOGIN = {
  user: "pi",
  secret: "0123456789abcdef",
  mutual: { user: "laptop", secret: "fedcba9876543210" },
} as const;
const random = (count: number): Uint8Array => crypto.getRandomValues(new Uint8Array(count));

/** A machine that has sent its challenge, and the right answer to it. */
function challenged(login: ChapLogin, algorithm: ChapAlgorithm = CHAP_ALGORITHMS[0]) {
  const machine = new Authentication({ kind: "chap", login }, random);
  machine.answer(new Map([["AuthMethod", "CHAP"]]));
  const sent = new Map(machine.answer(new Map([["CHAP_A", String(algorithm.number)]])));
  const ours = sent.get("CHAP_C") ?? "";
  const identifier = Number(sent.get("CHAP_I"));
  const proof = chapResponse({ algorithm, identifier, challenge: decodeBinary(ours) }, login.secret);
  return { machine, ours, keys: { CHAP_N: login.user, CHAP_R: encodeBinary(proof) } };
}

const answer = (machine: Authentication, keys: Record<string, string>): Map<string, string> =>
  new Map(machine.answer(new Map(Object.entries(keys))));

describe("mutual CHAP", () => {
  for (const algorithm of CHAP_ALGORITHMS) {
    for (const form of ["0x", "0b"]) {
      test(`by ${algorithm.hash} proves the target too, in the initiator's own form ${form}`, () => {
        const { machine, keys } = challenged(LOGIN, algorithm);
        const challenge = random(24);
        const answers = answer(machine, { ...keys, CHAP_I: "77", CHAP_C: encodeBinary(challenge, form) });
        const right = chapResponse({ algorithm, identifier: 77, challenge }, LOGIN.mutual.secret);
        expect([...answers.keys()]).toEqual(["CHAP_N", "CHAP_R"]);
        expect(answers.get("CHAP_N")).toBe("laptop");
        expect(answers.get("CHAP_R")).toStartWith(form);
        expect(decodeBinary(answers.get("CHAP_R") ?? "").toHex()).toBe(right.toHex());
        expect(machine.isProved).toBe(true);
      });
    }
  }

  test("is not done for an initiator that does not ask for it", () => {
    const { machine, keys } = challenged(LOGIN);
    expect(answer(machine, keys).size).toBe(0);
    expect(machine.isProved).toBe(true);
  });

  const asked = { CHAP_I: "1", CHAP_C: "0x00112233445566778899aabbccddeeff" };
  const REFUSED: readonly {
    what: string;
    login?: ChapLogin;
    change: (keys: Record<string, string>, ours: string) => Record<string, string>;
    reason: string;
  }[] = [
    {
      what: "a challenge that is the target's own, sent back",
      change: (keys, ours) => ({ ...keys, CHAP_I: "1", CHAP_C: ours }),
      reason: "sent back",
    },
    {
      what: "the same in base64",
      change: (keys, ours) => ({ ...keys, CHAP_I: "1", CHAP_C: encodeBinary(decodeBinary(ours), "0b") }),
      reason: "sent back",
    },
    {
      what: "one secret for both ways",
      login: { ...LOGIN, mutual: { user: "laptop", secret: LOGIN.secret } },
      change: (keys) => ({ ...keys, ...asked }),
      reason: "two secrets",
    },
    {
      what: "a target without a secret of its own",
      login: { user: LOGIN.user, secret: LOGIN.secret },
      change: (keys) => ({ ...keys, ...asked }),
      reason: "mutual CHAP",
    },
    { what: "CHAP_I alone", change: (keys) => ({ ...keys, CHAP_I: "1" }), reason: "half a challenge" },
    { what: "CHAP_C alone", change: (keys) => ({ ...keys, CHAP_C: "0x12" }), reason: "half a challenge" },
    {
      what: "an empty challenge",
      change: (keys) => ({ ...keys, CHAP_I: "1", CHAP_C: "0x" }),
      reason: "empty",
    },
    {
      what: "an identifier of more than a byte",
      change: (keys) => ({ ...keys, ...asked, CHAP_I: "256" }),
      reason: "CHAP_I",
    },
    {
      what: "a challenge beside a wrong proof",
      change: (keys) => ({ ...keys, ...asked, CHAP_R: "0x00" }),
      reason: "user or secret is wrong",
    },
  ];

  for (const { what, login = LOGIN, change, reason } of REFUSED) {
    test(`${what} is refused and proves nobody`, () => {
      const { machine, ours, keys } = challenged(login);
      expect(() => answer(machine, change(keys, ours))).toThrow(reason);
      expect(machine.isProved).toBe(false);
      expect(machine.user).toBeUndefined();
    });
  }

  test("in discovery takes the secret of that user", () => {
    const mutualOf = (user: string) => (user === LOGIN.user ? LOGIN.mutual : undefined);
    const machine = new Authentication({ kind: "either", secretOf: () => LOGIN.secret, mutualOf }, random);
    answer(machine, { AuthMethod: "CHAP" });
    const sent = answer(machine, { CHAP_A: "7" });
    const algorithm = CHAP_ALGORITHMS[2];
    const challenge = decodeBinary(sent.get("CHAP_C") ?? "");
    const proof = chapResponse(
      { algorithm, identifier: Number(sent.get("CHAP_I")), challenge },
      LOGIN.secret,
    );
    const keys = { CHAP_N: LOGIN.user, CHAP_R: encodeBinary(proof), ...asked };
    expect(answer(machine, keys).get("CHAP_N")).toBe("laptop");
  });

  test("identifiers come in decimal and in hexadecimal", () => {
    expect([decodeIdentifier("0"), decodeIdentifier("255"), decodeIdentifier("0xfF")]).toEqual([0, 255, 255]);
    for (const wrong of ["", "-1", "1.5", "0x100", "1e1"])
      expect(() => decodeIdentifier(wrong)).toThrow("CHAP_I");
  });
});
