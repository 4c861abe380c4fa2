/** A transfer of ours and a simulated client with a bad network between them, in simulated time. */
import { type Conditions, Netem } from "../../../test/sim/net/netem.ts";
import { seeded } from "../../../test/sim/net/random.ts";
import { TftpClient, type TftpClientOptions, type TftpResult } from "../../../test/sim/tftp-client.ts";
import type { TftpFile } from "../src/api.ts";
import { agree } from "../src/codec/option.ts";
import { DEFAULT_LIMITS } from "../src/limits.ts";
import { octetContent } from "../src/transfer/content.ts";
import { netasciiContent } from "../src/transfer/netascii.ts";
import { PacketPool } from "../src/transfer/packet-pool.ts";
import { type Ending, type Step, Transfer } from "../src/transfer/transfer.ts";

export interface TwoEnds {
  readonly client: TftpResult | undefined;
  readonly server: Ending | undefined;
  /** Until the client had its result. */
  readonly ms: number;
  readonly dataPacketsSent: number;
  readonly retransmits: number;
}

export interface TwoEndsOptions extends Omit<TftpClientOptions, "path"> {
  readonly file: TftpFile;
  readonly there?: Conditions;
  readonly back?: Conditions;
  readonly seed?: number;
  /** Sees every packet of the server as it leaves and says how many copies of it travel. */
  readonly copiesOf?: (packet: Uint8Array, now: number) => number;
  /** The same for the client's. */
  readonly answersOf?: (packet: Uint8Array, now: number) => number;
}

/** Runs until both ends are done, or an hour has passed. The request itself is taken as heard. */
export function runTwoEnds(options: TwoEndsOptions): TwoEnds {
  const { file, seed = 1, mode = "octet", copiesOf = () => 1, answersOf = () => 1 } = options;
  const random = seeded(seed);
  const toClient = new Netem<Uint8Array>({ delayMs: 0.2, ...options.there }, random);
  const toServer = new Netem<Uint8Array>({ delayMs: 0.2, ...(options.back ?? options.there) }, random);
  const content = mode === "octet" ? octetContent(file) : netasciiContent(file);
  const agreement = agree(options.options ?? [], content.sizeBytes, DEFAULT_LIMITS);
  const transfer = new Transfer(content, agreement, new PacketPool(), 0);
  const client = new TftpClient({ path: "x", ...options }, 0);
  let now = 0;
  let ending: Ending | undefined;
  let ms = 0;
  let dataPacketsSent = 0;

  const follow = (step: Step): void => {
    for (const packet of step.packets) {
      if (packet[1] === 3) dataPacketsSent++;
      for (let copies = copiesOf(packet, now); copies > 0; copies--) toClient.push(packet.slice(), now);
    }
    ending = step.ending;
  };
  const answer = (packet: Uint8Array): void => {
    for (let copies = answersOf(packet, now); copies > 0; copies--) toServer.push(packet, now);
  };
  client.start(now);
  follow(transfer.start(now));
  const isOver = (): boolean => ending !== undefined && client.result !== undefined;
  while (now < 3_600_000 && !isOver()) {
    for (const packet of toClient.pop(now)) {
      const step = client.receive(packet, now);
      if (step.result) ms = now;
      step.packets.forEach(answer);
    }
    for (const packet of toServer.pop(now)) if (!ending) follow(transfer.receive(packet, now));
    if (!ending && transfer.deadline <= now) follow(transfer.expire(now));
    // The client's repeated request would make a new transfer; here only what belongs to this one is said again.
    if (client.deadline <= now)
      for (const packet of client.expire(now).packets) if (packet[1] !== 1) answer(packet);
    now = Math.min(
      toClient.nextAt,
      toServer.nextAt,
      ending ? Infinity : transfer.deadline,
      client.result ? Infinity : Math.max(client.deadline, now + 0.001),
    );
  }
  return { client: client.result, server: ending, ms, dataPacketsSent, retransmits: transfer.retransmits };
}

/** Bytes that differ from place to place, so that a block out of its place shows. */
export function pattern(length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = (i * 31 + (i >>> 8) * 7 + (i >>> 16) * 13) & 0xff;
  return bytes;
}
