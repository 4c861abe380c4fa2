/** Negotiates one key by its row, RFC 7143 section 6.2. */
import { ProtocolError } from "../wire/bytes.ts";
import { KEY_ROWS, type KeyRow, type Parameters } from "./key-rows.ts";

export interface NegotiationContext {
  readonly discovery: boolean;
  readonly phase: "security" | "operational" | "fullFeature";
  /** The first request of a login: names and session type are declared there. */
  readonly firstRequest: boolean;
}

const rowsByKey = new Map<string, KeyRow>(KEY_ROWS.map((row) => [row.key, row]));

/** Section 6.2.2: numbers are decimal or hexadecimal; base64 is for binary values. */
const NUMBER = /^(?:0[xX][0-9a-fA-F]{1,8}|[0-9]{1,10})$/;

/**
 * Takes the initiator's offer into `parameters` and returns the value to answer with, or undefined when
 * nothing is answered. Throws ProtocolError when the offer can only be answered by failing the login.
 */
export function negotiateKey(
  key: string,
  offer: string,
  parameters: Parameters,
  context: NegotiationContext,
): string | undefined {
  const row = rowsByKey.get(key);
  if (!row) return "NotUnderstood";
  checkPhase(row, context);
  if (context.discovery && !row.discovery) return "Irrelevant";
  const outcome = settle(row, offer);
  if (outcome === undefined) return "Reject";
  Object.assign(parameters, { [key]: outcome });
  if (row.result === "declared") return undefined;
  return typeof outcome === "boolean" ? (outcome ? "Yes" : "No") : String(outcome);
}

/**
 * Section 13.14: a first burst is no longer than a whole one. An initiator that offered both so is refused;
 * one that lowered only MaxBurstLength leaves FirstBurstLength at a default it never chose.
 */
export function checkBursts(parameters: Parameters, offeredFirstBurst: boolean): void {
  if (parameters.FirstBurstLength <= parameters.MaxBurstLength) return;
  if (offeredFirstBurst) throw new ProtocolError("FirstBurstLength is larger than MaxBurstLength");
  parameters.FirstBurstLength = parameters.MaxBurstLength;
}

function checkPhase(row: KeyRow, { phase, firstRequest }: NegotiationContext): void {
  const allowed = row.phase === "any" || (row.phase === "first" ? firstRequest : phase === "operational");
  if (!allowed) throw new ProtocolError(`${row.key} is out of place in this phase`);
}

/** The outcome, or undefined for an illegal offer that is answered "Reject". */
function settle(row: KeyRow, offer: string): number | boolean | string | undefined {
  switch (row.result) {
    case "minimum":
    case "maximum": {
      const number = parseNumber(offer, row.range);
      if (number === undefined) return undefined;
      return row.result === "minimum" ? Math.min(number, row.ours) : Math.max(number, row.ours);
    }
    case "and":
    case "or":
      if (offer !== "Yes" && offer !== "No") return undefined;
      return row.result === "and" ? offer === "Yes" && row.ours : offer === "Yes" || row.ours;
    case "first":
      return offer.split(",").find((name) => row.ours.includes(name));
    default:
      return declared(row, offer);
  }
}

function declared(row: KeyRow & { result: "declared" }, offer: string): number | string {
  if ("range" in row) {
    const number = parseNumber(offer, row.range);
    if (number === undefined)
      throw new ProtocolError(`${row.key}=${offer} is not between ${row.range.join(" and ")}`);
    return number;
  }
  if (offer.length > row.maxLength)
    throw new ProtocolError(`${row.key} is longer than ${row.maxLength} bytes`);
  return offer;
}

function parseNumber(text: string, [least, most]: readonly [number, number]): number | undefined {
  if (!NUMBER.test(text)) return undefined;
  const number = Number(text);
  return number >= least && number <= most ? number : undefined;
}
