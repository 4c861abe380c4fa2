/** tftp-ts: a read-only TFTP server (RFC 1350, 2347, 2348, 2349, 7440). */
export type {
  Endpoint,
  TftpEvent,
  TftpFile,
  TftpLimits,
  TftpRequest,
  TftpServer,
  TftpServerOptions,
  TftpSlices,
} from "./api.ts";
export { TftpError, type TftpErrorCode, type TftpErrorName } from "./codec/error-code.ts";
export { createTftpServer } from "./server.ts";
