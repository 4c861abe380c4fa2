/** What a Pi's loader makes of the offers that it hears: pure rules, one reason for every refusal. */
import { addressText } from "../net/frames.ts";
import type { DhcpShape } from "../profiles.ts";
import { decodeOptions, type DhcpReply, zeroEndedText } from "./message.ts";

/** Options that the loaders read (RFC 2132, RFC 4578). */
const OPTION = {
  netmask: 1,
  router: 3,
  vendor: 43,
  server: 54,
  vendorClass: 60,
  tftpServer: 66,
  machineId: 97,
} as const;

/** Pi 3's ROM does not even ask for the netmask. */
const NETMASK_UNLESS_TOLD = "255.255.255.0";

/** Sub-options of a PXE option 43 (PXE 2.1 section 2.2). */
const PXE = { discoveryControl: 6, bootMenu: 9 } as const;

export interface AddressOffer {
  readonly address: string;
  readonly netmask: string;
  readonly router: string | undefined;
  readonly serverId: string;
}

/** What one offer is good for; either part may be absent. */
export interface OfferMeaning {
  readonly address?: AddressOffer;
  /** The TFTP server that this offer names. */
  readonly server?: string;
  /** Why the offer names no TFTP server for this loader. */
  readonly noServerBecause?: string;
}

/** Reads an offer as the loader would. `machineId` is the option 97 that it sent. */
export function readOffer(shape: DhcpShape, machineId: Uint8Array, offer: DhcpReply): OfferMeaning {
  const server = readServer(shape, machineId, offer);
  return { ...readAddress(offer), ...server };
}

function readAddress(offer: DhcpReply): Pick<OfferMeaning, "address"> {
  const serverId = addressOption(offer, OPTION.server);
  const netmask = addressOption(offer, OPTION.netmask) ?? NETMASK_UNLESS_TOLD;
  if (offer.yiaddr === "0.0.0.0" || !serverId) return {};
  const router = addressOption(offer, OPTION.router);
  return { address: { address: offer.yiaddr, netmask, router, serverId } };
}

function readServer(
  shape: DhcpShape,
  machineId: Uint8Array,
  offer: DhcpReply,
): Pick<OfferMeaning, "server" | "noServerBecause"> {
  const refusal = whyNotPxe(shape, machineId, offer);
  const named = dottedQuad(offer.options.get(OPTION.tftpServer));
  if (refusal && !(named && shape.serverNameIsEnough)) return { noServerBecause: refusal };
  // siaddr alone is ignored; without option 66 the offer's sender is the boot server.
  const server = named ?? addressOption(offer, OPTION.server);
  return server ? { server } : { noServerBecause: "neither option 66 nor option 54 names a server" };
}

function whyNotPxe(shape: DhcpShape, machineId: Uint8Array, offer: DhcpReply): string | undefined {
  const vendorClass = offer.options.get(OPTION.vendorClass);
  if (!vendorClass || !zeroEndedText(vendorClass).startsWith("PXEClient"))
    return "option 60 is not PXEClient";
  const echoed = offer.options.get(OPTION.machineId);
  if (echoed && !sameBytes(echoed, machineId)) return "option 97 is another machine's";
  const vendor = offer.options.get(OPTION.vendor);
  if (!vendor) return "there is no option 43";
  const parts = decodeOptions(vendor);
  if (!parts) return "option 43 runs past its end";
  const entries = menuEntries(parts.get(PXE.bootMenu) ?? new Uint8Array());
  const isMatch = (entry: string): boolean =>
    shape.menuMatch === "whole" ? entry === shape.menuText : entry.includes(shape.menuText);
  if (!entries.some(isMatch)) return `no boot menu entry of option 43 reads "${shape.menuText}"`;
  if (!shape.wantsBootFileAndControl3) return undefined;
  if (parts.get(PXE.discoveryControl)?.[0] !== 3) return "discovery control in option 43 is not 3";
  return offer.file ? undefined : "the boot file name is empty";
}

/** Entries of a PXE boot menu: type 2, text length 1, text. */
function menuEntries(menu: Uint8Array): string[] {
  const entries: string[] = [];
  for (let at = 0; at + 3 <= menu.length;) {
    const length = menu[at + 2] ?? 0;
    entries.push(zeroEndedText(menu.subarray(at + 3, at + 3 + length)));
    at += 3 + length;
  }
  return entries;
}

function addressOption(reply: DhcpReply, code: number): string | undefined {
  const value = reply.options.get(code);
  return value && value.length >= 4 ? addressText(value.subarray(0, 4)) : undefined;
}

/** Option 66 as the loaders read it: an address in text, never a name to look up. */
function dottedQuad(value: Uint8Array | undefined): string | undefined {
  const text = value ? zeroEndedText(value) : "";
  const isAddress =
    /^\d{1,3}(\.\d{1,3}){3}$/.test(text) && text.split(".").every((part) => Number(part) <= 255);
  return isAddress ? text : undefined;
}

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}
