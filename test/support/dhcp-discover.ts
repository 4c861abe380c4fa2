/** A plain machine's question for an address. */
import { encodeMessage, makeOptions, messageTypeValue } from "dhcp4-ts";

/** The bytes of a DISCOVER of 02:00:00:00:00:09, by broadcast, which calls itself so. */
export function discoverOf(names: { readonly hostName: string; readonly vendorClass: string }): Uint8Array {
  return encodeMessage({
    op: "request",
    hardwareType: 1,
    hardwareAddress: Uint8Array.of(2, 0, 0, 0, 0, 9),
    hops: 0,
    xid: 7,
    secs: 0,
    flags: 0x8000,
    ciaddr: "0.0.0.0",
    yiaddr: "0.0.0.0",
    siaddr: "0.0.0.0",
    giaddr: "0.0.0.0",
    sname: "",
    file: "",
    options: makeOptions({ messageType: messageTypeValue("DISCOVER"), ...names }),
  });
}
