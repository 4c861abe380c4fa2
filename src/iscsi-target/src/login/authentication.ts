/**
 * The security stage of a login as a machine of its own: text keys in, text keys out.
 *
 *   start --AuthMethod=None--------------------------------> proved
 *   start --AuthMethod=CHAP--> algorithm --CHAP_A--> challenged --CHAP_N, CHAP_R--> proved
 *
 * The last request may bring a challenge of the initiator's own (mutual CHAP), which is answered once it has proved itself.
 * A key that does not belong to the state refuses the login and changes nothing.
 */
import { LoginReject, type ChapIdentity, type ChapLogin } from "../directory.ts";
import {
  type ChapChallenge,
  chapResponse,
  chooseAlgorithm,
  decodeBinary,
  decodeIdentifier,
  encodeBinary,
  isChapProof,
  makeChallenge,
} from "./chap.ts";
import type { TextKey } from "./text-keys.ts";

/** What the initiator must prove: nothing; one login; or, in discovery, any login that the directory knows. */
export type Demand =
  | { readonly kind: "none" }
  | { readonly kind: "chap"; readonly login: ChapLogin }
  | {
      readonly kind: "either";
      secretOf(user: string): string | undefined;
      mutualOf(user: string): ChapIdentity | undefined;
    };

type State =
  | { readonly at: "start" | "algorithm" | "proved" }
  | { readonly at: "challenged"; readonly challenge: ChapChallenge };

/** Keys that this machine answers. */
const OWN_KEYS = new Set(["AuthMethod", "CHAP_A", "CHAP_N", "CHAP_R", "CHAP_I", "CHAP_C"]);

export class Authentication {
  readonly #demand: Demand;
  readonly #randomBytes: (count: number) => Uint8Array;
  #state: State = { at: "start" };
  #user: string | undefined;

  constructor(demand: Demand, randomBytes: (count: number) => Uint8Array) {
    this.#demand = demand;
    this.#randomBytes = randomBytes;
  }

  static owns(key: string): boolean {
    return OWN_KEYS.has(key);
  }

  /** The CHAP user that has proved itself. */
  get user(): string | undefined {
    return this.#user;
  }

  /** Whether the initiator may leave the security stage, or skip it. */
  get isProved(): boolean {
    if (this.#state.at === "proved") return true;
    return this.#state.at === "start" && this.#demand.kind !== "chap";
  }

  /** Answers the keys of one request that `owns` names. Throws LoginReject. */
  answer(keys: ReadonlyMap<string, string>): TextKey[] {
    if (keys.size === 0) return [];
    switch (this.#state.at) {
      case "start":
        return this.#chooseMethod(keys.get("AuthMethod"));
      case "algorithm":
        return this.#challenge(keys.get("CHAP_A"));
      case "challenged":
        return this.#verify(this.#state.challenge, keys);
      default:
        throw new LoginReject(
          "initiatorError",
          "The initiator went on authenticating after it had succeeded.",
        );
    }
  }

  #chooseMethod(offer: string | undefined): TextKey[] {
    const offered = offer?.split(",") ?? [];
    const method = offered.find(
      (name) =>
        (name === "None" && this.#demand.kind !== "chap") ||
        (name === "CHAP" && this.#demand.kind !== "none"),
    );
    if (method === undefined) {
      const wanted = this.#demand.kind === "chap" ? "a CHAP login" : "AuthMethod=None";
      throw new LoginReject(
        "authenticationFailure",
        `The target wants ${wanted}, the initiator offered ${offer ?? "nothing"}.`,
      );
    }
    this.#state = { at: method === "None" ? "proved" : "algorithm" };
    return [["AuthMethod", method]];
  }

  #challenge(list: string | undefined): TextKey[] {
    const algorithm = chooseAlgorithm(list ?? "");
    if (!algorithm)
      throw new LoginReject(
        "authenticationFailure",
        `No CHAP algorithm of CHAP_A=${list ?? ""} is known here.`,
      );
    const challenge = makeChallenge(algorithm, this.#randomBytes);
    this.#state = { at: "challenged", challenge };
    return [
      ["CHAP_A", String(algorithm.number)],
      ["CHAP_I", String(challenge.identifier)],
      ["CHAP_C", encodeBinary(challenge.challenge)],
    ];
  }

  #verify(challenge: ChapChallenge, keys: ReadonlyMap<string, string>): TextKey[] {
    const user = keys.get("CHAP_N");
    const proof = keys.get("CHAP_R");
    if (user === undefined || proof === undefined)
      throw new LoginReject(
        "missingParameter",
        "The initiator answered the challenge without CHAP_N or CHAP_R.",
      );
    const expected = this.#expected(user);
    if (!isChapProof(challenge, expected, user, decodeBinary(proof)))
      throw new LoginReject("authenticationFailure", "The CHAP user or secret is wrong.");
    const answers = expected ? proveOurselves(challenge, expected, keys) : [];
    this.#state = { at: "proved" };
    this.#user = user;
    return answers;
  }

  #expected(user: string): ChapLogin | undefined {
    if (this.#demand.kind === "chap") return this.#demand.login;
    if (this.#demand.kind === "none") return undefined;
    const secret = this.#demand.secretOf(user);
    if (secret === undefined) return undefined;
    const mutual = this.#demand.mutualOf(user);
    return { user, secret, ...(mutual ? { mutual } : {}) };
  }
}

/**
 * The answer to the initiator's own challenge, if it sent one. Section 12.1.3 and RFC 1994 section 2.1: a challenge
 * that is ours sent back, or one secret for both ways, would let an initiator pass with an answer got from us.
 */
function proveOurselves(
  { algorithm, challenge: ours }: ChapChallenge,
  { secret, mutual }: ChapLogin,
  keys: ReadonlyMap<string, string>,
): TextKey[] {
  const identifier = keys.get("CHAP_I");
  const theirs = keys.get("CHAP_C");
  if (identifier === undefined && theirs === undefined) return [];
  if (identifier === undefined || theirs === undefined)
    throw new LoginReject(
      "missingParameter",
      "The initiator sent half a challenge of its own, CHAP_I or CHAP_C alone.",
    );
  if (!mutual)
    throw new LoginReject(
      "authenticationFailure",
      "The initiator wants this target to prove itself too (mutual CHAP), and it has no secret for that.",
    );
  if (mutual.secret === secret)
    throw new LoginReject(
      "authenticationFailure",
      "Mutual CHAP needs two secrets: the target's own is the same as the initiator's.",
    );
  const challenge = decodeBinary(theirs);
  if (challenge.length === 0) throw new LoginReject("initiatorError", "The initiator's challenge is empty.");
  if (Buffer.compare(challenge, ours) === 0)
    throw new LoginReject("authenticationFailure", "The initiator sent back the target's own challenge.");
  const asked = { algorithm, identifier: decodeIdentifier(identifier), challenge };
  return [
    ["CHAP_N", mutual.user],
    ["CHAP_R", encodeBinary(chapResponse(asked, mutual.secret), theirs)],
  ];
}
