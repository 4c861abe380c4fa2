/**
 * DHCP for IPv4: a codec, a proxy that adds boot information beside another DHCP server, and a server.
 * What a client is told is decided by the caller (`decide`); this package knows DHCP and PXE, nothing of any product.
 */
export { formatMac, isHostAddress, parseAddress } from "./address.ts";
export { createDhcpProxy, type DhcpProxy, type DhcpProxyOptions } from "./create-proxy.ts";
export { createDhcpServer, type DhcpServer, type DhcpServerOptions } from "./create-server.ts";
export type { Decide, Ignore, ProxyDecision, PxeAnswer, ServerDecision } from "./decisions.ts";
export { detectDhcpServers, type DetectOptions } from "./detect.ts";
export {
  DhcpConfigError,
  DhcpDecodeError,
  DhcpEncodeError,
  DhcpSocketError,
  RivalServerError,
  type DecodeReason,
  type RivalServer,
  type SocketErrorCode,
} from "./errors.ts";
export type { DhcpEvent, MessageSummary } from "./events.ts";
export type { DhcpInterface } from "./interfaces.ts";
export { MemoryLeaseStore, type Lease, type LeaseStore } from "./lease.ts";
export {
  BROADCAST_FLAG,
  clientMac,
  decodeMessage,
  encodeMessage,
  messageType,
  type DhcpMessage,
} from "./message.ts";
export { messageTypeValue, type MessageType } from "./message-types.ts";
export {
  OPTION_TABLE,
  optionCode,
  type OptionName,
  type OptionValue,
  type OptionValues,
} from "./option-table.ts";
export { makeOptions, readOption, type DhcpOptions } from "./options.ts";
export type { AddressRange } from "./pool.ts";
export { decodePxeMenu, encodePxeMenu, type PxeBootServer, type PxeMenu } from "./pxe-menu.ts";
export { proxyReply, type Arrival, type ProxyOutcome } from "./proxy.ts";
