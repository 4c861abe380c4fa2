import type { Decide, ProxyDecision } from "./decisions.ts";
import { EndpointSet } from "./endpoint-set.ts";
import { type DhcpEvent, summary } from "./events.ts";
import type { DhcpInterface } from "./interfaces.ts";
import { proxyReply, replyBytes } from "./proxy.ts";
import { ReplyQueue } from "./reply-queue.ts";

export interface DhcpProxyOptions {
  /** Names; absent: every interface that is no loopback, also those that appear later. */
  readonly interfaces?: readonly string[] | undefined;
  /** Serves loopback interfaces too when no names are given. */
  readonly loopback?: boolean | undefined;
  /** 67 when absent; 0 takes any free one. On another port than 67 replies go to the sender's port, not to 68. */
  readonly port?: number | undefined;
  /** 4011 when absent; 0 takes any free one. */
  readonly pxePort?: number | undefined;
  readonly decide: Decide<ProxyDecision>;
  readonly onEvent: (event: DhcpEvent) => void;
}

export interface DhcpProxy {
  readonly port: number;
  readonly pxePort: number;
  /** What is served at this moment. */
  interfaces(): readonly DhcpInterface[];
  close(): Promise<void>;
}

export const PXE_PORT = 4011;

/**
 * Starts a proxy: it gives no addresses and speaks only to clients for which `decide` says "answer".
 * Interfaces that come, go or change their address later are followed.
 * @throws DhcpSocketError when there are interfaces and none of them can be served (`EACCES`, `EADDRINUSE`, `ENOTSUP`).
 */
export async function createDhcpProxy(options: DhcpProxyOptions): Promise<DhcpProxy> {
  const queue = new ReplyQueue();
  const endpoints = new EndpointSet({
    names: options.interfaces,
    loopback: options.loopback,
    port: options.port ?? 67,
    pxePort: options.pxePort ?? PXE_PORT,
    onEvent: options.onEvent,
    onMessage: (message, arrival) => {
      const about = summary(message);
      const ignored = (reason: string): void =>
        options.onEvent({ type: "ignored", interface: arrival.interface.name, message: about, reason });
      const outcome = proxyReply(message, arrival, options.decide);
      if (outcome.kind === "ignore") return ignored(outcome.reason);
      const reply = { ...outcome, maxBytes: replyBytes(message) };
      const taken = queue.add(`${arrival.interface.name} ${about.mac}`, outcome.delayMs, () => {
        void endpoints.send(message, arrival, reply);
      });
      if (!taken) ignored("an answer is on its way already, or too many are");
    },
  });
  await endpoints.start();
  return {
    get port() {
      return endpoints.port("dhcp");
    },
    get pxePort() {
      return endpoints.port("pxe");
    },
    interfaces: () => endpoints.interfaces,
    close: async () => {
      queue.clear();
      await endpoints.close();
    },
  };
}
