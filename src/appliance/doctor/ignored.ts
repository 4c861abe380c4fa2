/** Findings about who asked and got nothing: a Pi among them is news, everybody else is counted. */
import { hasPiPrefix } from "../pi-identity.ts";
import type { Unanswered } from "../unanswered.ts";
import { type Finding, ok, warning } from "./finding.ts";

/** What was long ago may be mended by now. */
const LATELY_MS = 15 * 60_000;
/** More lines than this say nothing more; the whole list is beside them. */
const TOLD_MAX = 8;

/** `now` in Unix milliseconds. Whoever can be helped (there is a fix) is told by name. */
export function checkIgnored(unanswered: readonly Unanswered[], now: number): Finding[] {
  const lately = unanswered.filter(({ lastAt }) => now - lastAt < LATELY_MS);
  const helped = lately.flatMap((one) => (one.fix === null ? [] : [warning("ignored", words(one), one.fix)]));
  const others = lately.filter(({ fix }) => fix === null);
  if (others.length === 0) return helped.slice(0, TOLD_MAX);
  const pis = others.filter(({ who }) => hasPiPrefix(who));
  const among = pis.length === 0 ? "none is a Pi that boots" : `among them ${words(pis[0])}`;
  const machines = others.length === 1 ? "1 other machine" : `${others.length} other machines`;
  return [
    ...helped.slice(0, TOLD_MAX),
    ok("ignored", `${machines} asked and got no answer, as it should be; ${among}`),
  ];
}

function words(one: Unanswered | undefined): string {
  if (one === undefined) return "";
  const name = one.name === null ? "" : ` (${one.name})`;
  const where = one.interface === null ? "" : ` on ${one.interface}`;
  return `${one.who}${name} asked ${one.service}${where} and got no answer: ${one.reason}`;
}
