import type { TftpServer, TftpServerOptions } from "./api.ts";

/**
 * Listens and serves until `close()`.
 * Rejects with the system's error (`.code` EADDRINUSE, EACCES ...) when a listener cannot be had at the start.
 */
export async function createTftpServer(options: TftpServerOptions): Promise<TftpServer> {
  await options.open({ path: "", client: { address: "", port: 0 }, localAddress: "", mode: "octet" });
  throw new Error("not built yet");
}
