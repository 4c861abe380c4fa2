/**
 * The options this package knows, one row each. A code without a row stays bytes.
 * A row's kind says how the value lies on the wire and what `readOption` gives for it.
 */

/** `minBytes` and `maxBytes` of a kind bound the value; a value outside is refused when a message is decoded. */
export const OPTION_KINDS = {
  address: { minBytes: 4, maxBytes: 4, unitBytes: 4 },
  addresses: { minBytes: 4, maxBytes: 65535, unitBytes: 4 },
  u8: { minBytes: 1, maxBytes: 1, unitBytes: 1 },
  u16: { minBytes: 2, maxBytes: 2, unitBytes: 2 },
  u16s: { minBytes: 2, maxBytes: 65535, unitBytes: 2 },
  u32: { minBytes: 4, maxBytes: 4, unitBytes: 4 },
  // RFC 2132 asks for one byte at least; clients without a name send an empty host name all the same.
  text: { minBytes: 0, maxBytes: 65535, unitBytes: 1 },
  bytes: { minBytes: 1, maxBytes: 65535, unitBytes: 1 },
} as const;

export type OptionKind = keyof typeof OPTION_KINDS;

export interface OptionRow {
  readonly code: number;
  readonly kind: OptionKind;
}

export const OPTION_TABLE = {
  // RFC 2132 asks for one byte at least; clients without a name send an empty host name all the same.
  // RFC 2132
  subnetMask: { code: 1, kind: "address" },
  routers: { code: 3, kind: "addresses" },
  dnsServers: { code: 6, kind: "addresses" },
  hostName: { code: 12, kind: "text" },
  domainName: { code: 15, kind: "text" },
  rootPath: { code: 17, kind: "text" },
  broadcastAddress: { code: 28, kind: "address" },
  ntpServers: { code: 42, kind: "addresses" },
  vendorOptions: { code: 43, kind: "bytes" },
  requestedAddress: { code: 50, kind: "address" },
  leaseTimeS: { code: 51, kind: "u32" },
  messageType: { code: 53, kind: "u8" },
  serverIdentifier: { code: 54, kind: "address" },
  parameterRequestList: { code: 55, kind: "bytes" },
  message: { code: 56, kind: "text" },
  maxMessageBytes: { code: 57, kind: "u16" },
  renewalTimeS: { code: 58, kind: "u32" },
  rebindingTimeS: { code: 59, kind: "u32" },
  vendorClass: { code: 60, kind: "text" },
  clientIdentifier: { code: 61, kind: "bytes" },
  tftpServerName: { code: 66, kind: "text" },
  bootFileName: { code: 67, kind: "text" },
  // RFC 3004
  userClass: { code: 77, kind: "bytes" },
  // RFC 3046
  relayAgentInformation: { code: 82, kind: "bytes" },
  // RFC 4578
  clientArchitectures: { code: 93, kind: "u16s" },
  clientNetworkInterface: { code: 94, kind: "bytes" },
  clientMachineId: { code: 97, kind: "bytes" },
} as const satisfies Record<string, OptionRow>;

export type OptionName = keyof typeof OPTION_TABLE;

/** What each kind's value is in TypeScript: addresses are dotted quads, times seconds. */
export interface KindValues {
  readonly address: string;
  readonly addresses: readonly string[];
  readonly u8: number;
  readonly u16: number;
  readonly u16s: readonly number[];
  readonly u32: number;
  readonly text: string;
  readonly bytes: Uint8Array;
}

export type KindOf<Name extends OptionName> = (typeof OPTION_TABLE)[Name]["kind"];

export type OptionValue<Name extends OptionName> = KindValues[KindOf<Name>];

/** Option values by name, as `makeOptions` takes them. */
export type OptionValues = { readonly [Name in OptionName]?: OptionValue<Name> | undefined };

const namesByCode = new Map<number, OptionName>();
for (const name of Object.keys(OPTION_TABLE))
  if (isOptionName(name)) namesByCode.set(OPTION_TABLE[name].code, name);

export function isOptionName(name: string): name is OptionName {
  return Object.hasOwn(OPTION_TABLE, name);
}

/** The name of a code, or undefined for one that stays bytes. */
export function optionName(code: number): OptionName | undefined {
  return namesByCode.get(code);
}

/** The code of a known option. */
export function optionCode(name: OptionName): number {
  return OPTION_TABLE[name].code;
}
