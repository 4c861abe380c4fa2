/**
 * The security stage of a login as a machine of its own: text keys in, text keys out.
 *
 *   start --AuthMethod=None--------------------------------> proved
 *   start --AuthMethod=CHAP--> algorithm --CHAP_A--> challenged --CHAP_N, CHAP_R--> proved
 *
 * A key that does not belong to the state refuses the login and changes nothing.
 */
import { LoginReject, type ChapLogin } from "../directory.ts";
import {
  type ChapChallenge,
  chooseAlgorithm,
  decodeBinary,
  encodeBinary,
  isChapProof,
  makeChallenge,
} from "./chap.ts";
import type { TextKey } from "./text-keys.ts";

/** What the initiator must prove: nothing; one login; or, in discovery, any login that the directory knows. */
export type Demand =
  | { readonly kind: "none" }
  | { readonly kind: "chap"; readonly login: ChapLogin }
  | { readonly kind: "either"; secretOf(user: string): string | undefined };

type State =
  | { readonly at: "start" | "algorithm" | "proved" }
  | { readonly at: "challenged"; readonly challenge: ChapChallenge };

/** Keys that this machine answers; mutual CHAP's are known so that asking for it is refused in plain words. */
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
    if (keys.has("CHAP_I") || keys.has("CHAP_C"))
      throw new LoginReject(
        "authenticationFailure",
        "The initiator wants this target to prove itself too (mutual CHAP).",
      );
    if (!isChapProof(challenge, this.#expected(user), user, decodeBinary(proof)))
      throw new LoginReject("authenticationFailure", "The CHAP user or secret is wrong.");
    this.#state = { at: "proved" };
    this.#user = user;
    return [];
  }

  #expected(user: string): ChapLogin | undefined {
    if (this.#demand.kind === "chap") return this.#demand.login;
    const secret = this.#demand.kind === "either" ? this.#demand.secretOf(user) : undefined;
    return secret === undefined ? undefined : { user, secret };
  }
}
