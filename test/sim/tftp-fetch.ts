/** The TFTP client of `tftp-client.ts` on a real socket. */
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { TftpClient, type TftpClientOptions, type TftpResult } from "./tftp-client.ts";

export interface FetchOptions extends TftpClientOptions {
  readonly server: { readonly address: string; readonly port: number };
  /** The client's own end: address and port to bind, any by default. */
  readonly local?: { readonly address?: string; readonly port?: number };
  /** Loses the packets of the server for which it says so. */
  readonly drop?: (bytes: Uint8Array) => boolean;
}

/** Fetches one file. Answers only the first port of the server that answers, as TFTP asks. */
export async function fetchTftp(options: FetchOptions): Promise<TftpResult & { serverPort: number }> {
  const { server, local, drop } = options;
  const socket = createSocket("udp4");
  socket.bind(local?.port ?? 0, local?.address ?? "0.0.0.0");
  await once(socket, "listening");
  const client = new TftpClient(options, performance.now());
  let serverPort = 0;

  const { promise, resolve, reject } = Promise.withResolvers<TftpResult>();
  let timer: Timer | undefined;
  const follow = (step: ReturnType<TftpClient["start"]>): void => {
    for (const packet of step.packets) socket.send(packet, serverPort || server.port, server.address);
    if (step.result) resolve(step.result);
    clearTimeout(timer);
    timer = setTimeout(
      () => follow(client.expire(performance.now())),
      Math.max(0, client.deadline - performance.now()),
    );
  };
  socket.on("error", reject);
  socket.on("message", (bytes, from) => {
    if (from.address !== server.address || (serverPort !== 0 && from.port !== serverPort)) return;
    if (drop?.(bytes)) return;
    serverPort = from.port;
    follow(client.receive(bytes, performance.now()));
  });
  follow(client.start(performance.now()));
  try {
    return { ...(await promise), serverPort };
  } finally {
    clearTimeout(timer);
    // The last words may still wait for their turn in the event loop.
    await new Promise<void>((done) => void setImmediate(done));
    socket.close();
  }
}
