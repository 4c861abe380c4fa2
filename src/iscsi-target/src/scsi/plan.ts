/** What a CDB comes down to once it has been understood; the session carries it out, in its own flow of data. */
export type Plan =
  /** GOOD, no data. */
  | { readonly kind: "done" }
  /** Parameter data for the initiator, already cut to the allocation length. */
  | { readonly kind: "data"; readonly bytes: Uint8Array }
  /** Bytes of the device for the initiator. */
  | { readonly kind: "read"; readonly offset: number; readonly length: number }
  /** Bytes of the initiator for the device, written as they come in; with `flush` on stable storage before GOOD. */
  | { readonly kind: "write"; readonly offset: number; readonly length: number; readonly flush: boolean }
  /** A parameter list of the initiator, gathered whole, then acted on. */
  | {
      readonly kind: "parameters";
      readonly length: number;
      /** More than that is a mistake too, not just an underflow. */
      readonly isExact?: true;
      readonly act: (list: Uint8Array) => Plan | Promise<Plan>;
    }
  /** Something that takes its time. */
  | { readonly kind: "later"; readonly work: () => Promise<Plan> };

export const DONE: Plan = { kind: "done" };

/** Parameter data of which the initiator wants at most `allocationLength` bytes (SPC-4 4.2.5.6: shortening is no error). */
export function dataPlan(bytes: Uint8Array, allocationLength: number): Plan {
  return { kind: "data", bytes: bytes.subarray(0, Math.min(bytes.length, allocationLength)) };
}
