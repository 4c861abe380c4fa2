/** The Range header (RFC 9110 section 14): one range of bytes; whatever else comes is answered with the whole. */

export type Wanted =
  | { readonly kind: "whole" }
  | { readonly kind: "part"; readonly from: number; readonly to: number }
  | { readonly kind: "unsatisfiable" };

/** What a request wants of a document of `sizeBytes`; the part is [from, to). */
export function wantedRange(header: string | undefined, sizeBytes: number): Wanted {
  const [, first = "", last = ""] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header ?? "") ?? [];
  if (first === "" && last === "") return { kind: "whole" };
  if (first === "") {
    const length = Math.min(Number(last), sizeBytes);
    return length === 0
      ? { kind: "unsatisfiable" }
      : { kind: "part", from: sizeBytes - length, to: sizeBytes };
  }
  const from = Number(first);
  const to = last === "" ? sizeBytes : Math.min(Number(last) + 1, sizeBytes);
  // A last byte before the first is no range at all.
  if (last !== "" && Number(last) < from) return { kind: "whole" };
  return from >= sizeBytes ? { kind: "unsatisfiable" } : { kind: "part", from, to };
}
