/** Text keys as the fuzzer changes and reads them, RFC 7143 sections 6.1 and 13, written here and not taken from the target. */
import { isUtf8 } from "node:buffer";
import { mutateBytes, mutateList } from "../../support/fuzz/mutate.ts";
import type { Random } from "../../support/fuzz/random.ts";

/** What a number, a boolean or a list may be, and how two wishes become one. */
export type Rule =
  | { readonly kind: "least" | "most"; readonly range: readonly [number, number] }
  | { readonly kind: "and" | "or" }
  | { readonly kind: "list"; readonly names: readonly string[] }
  /** Not answered. */
  | { readonly kind: "stated"; readonly range: readonly [number, number] };

const SEGMENT = [512, 16_777_215] as const;

/** Section 13, what is open to negotiation in a normal session's operational stage. */
export const RULES: ReadonlyMap<string, Rule> = new Map<string, Rule>([
  ["HeaderDigest", { kind: "list", names: ["CRC32C", "None"] }],
  ["DataDigest", { kind: "list", names: ["CRC32C", "None"] }],
  ["MaxConnections", { kind: "least", range: [1, 65_535] }],
  ["InitialR2T", { kind: "or" }],
  ["ImmediateData", { kind: "and" }],
  ["MaxRecvDataSegmentLength", { kind: "stated", range: SEGMENT }],
  ["MaxBurstLength", { kind: "least", range: SEGMENT }],
  ["FirstBurstLength", { kind: "least", range: SEGMENT }],
  ["DefaultTime2Wait", { kind: "most", range: [0, 3600] }],
  ["DefaultTime2Retain", { kind: "least", range: [0, 3600] }],
  ["MaxOutstandingR2T", { kind: "least", range: [1, 65_535] }],
  ["DataPDUInOrder", { kind: "or" }],
  ["DataSequenceInOrder", { kind: "or" }],
  ["ErrorRecoveryLevel", { kind: "least", range: [0, 2] }],
  ["iSCSIProtocolLevel", { kind: "least", range: [0, 31] }],
  ["TaskReporting", { kind: "list", names: ["RFC3720", "ResponseFence", "FastAbort"] }],
  ["IFMarker", { kind: "and" }],
  ["OFMarker", { kind: "and" }],
]);

/** Names and logins: known, but no rows of the table above. */
export const OTHER_KEYS = [
  "InitiatorName",
  "InitiatorAlias",
  "TargetName",
  "SessionType",
  "AuthMethod",
  "CHAP_A",
  "CHAP_N",
  "CHAP_R",
  "CHAP_I",
  "CHAP_C",
  "SendTargets",
];

const ODD_VALUES = [
  "",
  "0",
  "1",
  "2",
  "511",
  "512",
  "0x200",
  "0X1FF",
  "3600",
  "3601",
  "65536",
  "16777215",
  "16777216",
  "4294967296",
  "99999999999",
  "-1",
  " 1",
  "1e3",
  "Yes",
  "No",
  "yes",
  "None",
  "CRC32C",
  "CRC32C,None",
  "None,CRC32C,None",
  "CHAP,None",
  "CHAP",
  "5",
  "8,7,6,5",
  "0xzz",
  "0b====",
  "0b",
  "0x",
  "NotUnderstood",
  "Reject",
  "Irrelevant",
  "Discovery",
  "Normal",
  "All",
  "iqn.2026-01.test:disk",
  "a=b",
  "\u001b[2J",
  "\u0300",
];

/** A change to a data segment of keys. */
export function mutateText(data: Uint8Array, random: Random): Uint8Array {
  if (random.chance(20)) return mutateBytes(data, random);
  const parts = Buffer.from(data).toString("latin1").split("\0");
  if (parts.at(-1) === "") parts.pop();
  return Buffer.from(
    changed(parts, random)
      .map((part) => `${part}\0`)
      .join(""),
    "latin1",
  );
}

function changed(parts: readonly string[], random: Random): string[] {
  const at = random.below(parts.length);
  const [key = "X", value = ""] = (parts[at] ?? "X=1").split("=", 2);
  const replace = (part: string): string[] => parts.map((old, i) => (i === at ? part : old));
  switch (random.below(7)) {
    case 0:
      return mutateList(parts, random, parts);
    case 1:
      return replace(`${key}=${fittingValue(key, random)}`);
    case 2:
      return replace(`${key}=${random.pick(ODD_VALUES)}`);
    case 3:
      return replace(`${random.pick([...RULES.keys(), ...OTHER_KEYS])}=${value}`);
    case 4:
      return replace(`${key}=${"a".repeat(random.pick([62, 63, 64, 255, 2049, 2050, 2051, 9000]))}`);
    case 5: {
      const name = `X-${"n".repeat(random.pick([1, 60, 61, 62, 63]))}${random.below(100)}`;
      return [
        ...parts,
        ...Array.from({ length: random.pick([1, 1, 30, 64, 65]) }, (_, i) => `${name}${i}=1`),
      ];
    }
    default:
      return [...parts, `${random.pick([...RULES.keys(), ...OTHER_KEYS])}=${random.pick(ODD_VALUES)}`];
  }
}

/** A value that the key may have, mostly at an end of its range. */
function fittingValue(key: string, random: Random): string {
  const rule = RULES.get(key);
  if (!rule) return random.pick(ODD_VALUES);
  if ("names" in rule) return random.pick(rule.names);
  if (!("range" in rule)) return random.pick(["Yes", "No"]);
  const [least, most] = rule.range;
  return String(random.pick([least, most, random.between(least, most)]));
}

/** The pairs of a data segment, or undefined when it is none that may be: the target's limits are those of section 6.1. */
export function plainKeys(bytes: Uint8Array): [string, string][] | undefined {
  if (!isUtf8(bytes)) return undefined;
  const keys: [string, string][] = [];
  for (const part of Buffer.from(bytes).toString("utf8").split("\0")) {
    if (part.length === 0) continue;
    const [, key, value] = /^([A-Za-z][A-Za-z0-9.+@_#-]{0,62})=([^]{0,2050})$/.exec(part) ?? [];
    if (key === undefined || value === undefined || keys.some(([known]) => known === key)) return undefined;
    keys.push([key, value]);
  }
  return keys.length <= 64 ? keys : undefined;
}

/** What is wrong with an answer to an offer in the operational stage; undefined when it is right. */
export function faultOfAnswer(key: string, offer: string, answer: string | undefined): string | undefined {
  const rule = RULES.get(key);
  if (!rule) return answer === "NotUnderstood" ? undefined : "an unknown key is not NotUnderstood";
  switch (rule.kind) {
    case "stated":
      return answer === undefined ? undefined : "a declaration is answered";
    case "and":
    case "or":
      if (offer !== "Yes" && offer !== "No")
        return answer === "Reject" ? undefined : "no boolean, but not rejected";
      if (answer !== "Yes" && answer !== "No") return "no boolean in answer";
      if (rule.kind === "and" && offer === "No" && answer === "Yes") return "Yes where No was offered";
      return rule.kind === "or" && offer === "Yes" && answer === "No"
        ? "No where Yes was offered"
        : undefined;
    case "list":
      if (answer === "Reject")
        return rule.names.includes("None") && offer.split(",").includes("None")
          ? "None was offered and rejected"
          : undefined;
      if (answer === undefined || !offer.split(",").includes(answer)) return "an answer that was not offered";
      return rule.names.includes(answer) ? undefined : "an answer that does not exist";
    default:
      return faultOfNumber(rule, offer, answer);
  }
}

function faultOfNumber(
  { kind, range: [least, most] }: Extract<Rule, { kind: "least" | "most" }>,
  offer: string,
  answer: string | undefined,
): string | undefined {
  const number = numberOf(offer);
  if (number === undefined || number < least || number > most)
    return answer === "Reject" ? undefined : "an offer out of range, not rejected";
  if (answer === undefined || !/^\d+$/.test(answer)) return "no number in answer";
  const outcome = Number(answer);
  if (outcome < least || outcome > most) return "an answer out of range";
  return (kind === "least" ? outcome <= number : outcome >= number)
    ? undefined
    : "the wrong one of two numbers";
}

export function numberOf(text: string): number | undefined {
  if (/^\d{1,10}$/.test(text)) return Number.parseInt(text, 10);
  return /^0x[0-9a-f]{1,8}$/i.test(text) ? Number.parseInt(text.slice(2), 16) : undefined;
}
