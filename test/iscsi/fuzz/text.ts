/** Text keys: decoding against a plain reader, each answer against the rules of section 13, CHAP's values there and back. */
import {
  chooseAlgorithm,
  decodeBinary,
  decodeIdentifier,
  encodeBinary,
} from "../../../src/iscsi-target/src/login/chap.ts";
import { type Parameters, defaultParameters } from "../../../src/iscsi-target/src/login/key-rows.ts";
import { checkBursts, negotiateKey } from "../../../src/iscsi-target/src/login/negotiate.ts";
import { decodeTextKeys, encodeTextKeys } from "../../../src/iscsi-target/src/login/text-keys.ts";
import { ProtocolError } from "../../../src/iscsi-target/src/wire/bytes.ts";
import { type FuzzTarget, readCorpus } from "../../support/fuzz/engine.ts";
import { OTHER_KEYS, RULES, faultOfAnswer, mutateText, numberOf, plainKeys } from "./key-text.ts";

/** The longest data segment of a login, and more. */
const MAX_INPUT_BYTES = 20_000;

export const textTarget: FuzzTarget = {
  name: "text",
  corpus: readCorpus(`${import.meta.dir}/corpus/text`),
  mutate: mutateText,
  pieces: (input) => {
    const ends = [...input.keys()].filter((at) => input[at] === 0).map((at) => at + 1);
    return [0, ...ends].map((from, i, starts) => input.slice(from, starts[i + 1] ?? input.length));
  },
  check(input) {
    const bytes = input.slice(0, MAX_INPUT_BYTES);
    const want = plainKeys(bytes);
    const keys = orRefused(() => decodeTextKeys(bytes));
    if (!Bun.deepEquals(keys, want))
      throw new Error(
        `read as ${JSON.stringify(keys)?.slice(0, 300)}, not ${JSON.stringify(want)?.slice(0, 300)}`,
      );
    if (!keys) return;
    const again = decodeTextKeys(encodeTextKeys(keys));
    if (!Bun.deepEquals(again, keys)) throw new Error("encoding and decoding again gives something else");
    const parameters = defaultParameters();
    for (const [key, offer] of keys) checkNegotiation(key, offer, parameters);
    checkBurstRule(
      parameters,
      keys.some(([key]) => key === "FirstBurstLength"),
    );
    for (const [, value] of keys) checkChapValues(value);
  },
};

/** Undefined for a ProtocolError, which is how a parser refuses; anything else goes on. */
export function orRefused<T>(parse: () => T): T | undefined {
  try {
    return parse();
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  }
}

function checkNegotiation(key: string, offer: string, parameters: Parameters): void {
  if (OTHER_KEYS.includes(key)) return;
  const before: Record<string, unknown> = { ...parameters };
  const context = { discovery: false, phase: "operational", firstRequest: false } as const;
  const refused = Symbol("refused");
  const answer = orRefused<string | undefined | typeof refused>(() =>
    negotiateKey(key, offer, parameters, context),
  );
  const rule = RULES.get(key);
  const fault = faultOfAnswer(key, offer, typeof answer === "string" ? answer : undefined);
  if (fault !== undefined) throw new Error(`${key}=${offer} is answered ${String(answer)}: ${fault}`);
  const after: Record<string, unknown> = { ...parameters };
  const wanted = rule?.kind === "stated" ? statedOutcome(offer, rule.range) : outcomeOf(answer);
  for (const name of Object.keys(after)) {
    const expected = name === key && wanted !== undefined ? wanted : before[name];
    if (after[name] !== expected)
      throw new Error(`after ${key}=${offer} ${name} is ${String(after[name])}, not ${String(expected)}`);
  }
}

function statedOutcome(offer: string, [least, most]: readonly [number, number]): number | undefined {
  const number = numberOf(offer);
  return number !== undefined && number >= least && number <= most ? number : undefined;
}

function outcomeOf(answer: string | symbol | undefined): unknown {
  if (typeof answer !== "string" || answer === "Reject" || answer === "NotUnderstood") return undefined;
  if (answer === "Yes" || answer === "No") return answer === "Yes";
  return /^\d+$/.test(answer) ? Number(answer) : answer;
}

function checkBurstRule(parameters: Parameters, offered: boolean): void {
  const isWrong = parameters.FirstBurstLength > parameters.MaxBurstLength;
  const passed = orRefused(() => {
    checkBursts(parameters, offered);
    return true;
  });
  if (passed !== true && !(isWrong && offered)) throw new Error("lawful bursts are refused");
  if (passed === true && parameters.FirstBurstLength > parameters.MaxBurstLength)
    throw new Error("FirstBurstLength is larger than MaxBurstLength");
}

function checkChapValues(value: string): void {
  const binary = orRefused(() => decodeBinary(value));
  if (binary) {
    if (binary.length > 1024) throw new Error(`a binary value of ${binary.length} bytes`);
    const again = decodeBinary(encodeBinary(binary, value));
    if (Buffer.compare(again, binary) !== 0) throw new Error("a binary value encodes to another");
  }
  const identifier = orRefused(() => decodeIdentifier(value));
  if (identifier !== undefined && !(Number.isInteger(identifier) && identifier >= 0 && identifier <= 255))
    throw new Error(`CHAP_I ${identifier}`);
  const chosen = chooseAlgorithm(value);
  if (chosen && !value.split(",").some((word) => Number(word) === chosen.number))
    throw new Error(`algorithm ${chosen.number} was not offered`);
}
