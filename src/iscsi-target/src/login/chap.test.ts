import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import fc from "fast-check";
import {
  CHAP_ALGORITHMS,
  chapResponse,
  chooseAlgorithm,
  decodeBinary,
  encodeBinary,
  isChapProof,
  makeChallenge,
} from "./chap.ts";

const random = (count: number): Uint8Array => crypto.getRandomValues(new Uint8Array(count));
const LOGIN = { user: "pi", secret: "0123456789abcdef" };

describe("CHAP", () => {
  for (const algorithm of CHAP_ALGORITHMS) {
    test(`${algorithm.hash} accepts who knows the secret and nobody else`, () => {
      const challenge = makeChallenge(algorithm, random);
      const proof = chapResponse(challenge, LOGIN.secret);
      expect(proof).toHaveLength(algorithm.bytes);
      expect(isChapProof(challenge, LOGIN, "pi", proof)).toBe(true);
      expect(isChapProof(challenge, LOGIN, "po", proof)).toBe(false);
      expect(isChapProof(challenge, { ...LOGIN, secret: "other" }, "pi", proof)).toBe(false);
      expect(isChapProof(challenge, undefined, "pi", proof)).toBe(false);
      expect(isChapProof(challenge, LOGIN, "pi", proof.subarray(1))).toBe(false);
      expect(isChapProof(makeChallenge(algorithm, random), LOGIN, "pi", proof)).toBe(false);
    });
  }

  test("the response is the hash of identifier, secret and challenge", () => {
    const challenge = { algorithm: CHAP_ALGORITHMS[0], identifier: 7, challenge: Uint8Array.of(1, 2, 3) };
    const right = createHash("md5")
      .update(Uint8Array.of(7))
      .update("secret")
      .update(Uint8Array.of(1, 2, 3))
      .digest("hex");
    expect(chapResponse(challenge, "secret").toHex()).toBe(right);
  });

  test("an empty secret opens nothing", () => {
    const challenge = makeChallenge(CHAP_ALGORITHMS[0], random);
    expect(isChapProof(challenge, { user: "pi", secret: "" }, "pi", chapResponse(challenge, ""))).toBe(false);
  });

  test("the initiator's order of algorithms is its preference, and unknown ones are passed over", () => {
    expect(chooseAlgorithm("8,7,6,5")?.hash).toBe("sha3-256");
    expect(chooseAlgorithm("99,5")?.hash).toBe("md5");
    expect(chooseAlgorithm("99")).toBeUndefined();
    expect(chooseAlgorithm("")).toBeUndefined();
  });

  test("binary values come in hexadecimal of either case and in base64", () => {
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) =>
        expect(decodeBinary(encodeBinary(bytes)).toHex()).toBe(bytes.toHex()),
      ),
    );
    expect([...decodeBinary("0XaBc")]).toEqual([0x0a, 0xbc]);
    expect([...decodeBinary("0bAQID")]).toEqual([1, 2, 3]);
    for (const wrong of ["", "12", "0xzz", "0b*", `0x${"00".repeat(1025)}`])
      expect(() => decodeBinary(wrong)).toThrow("binary value");
  });
});
