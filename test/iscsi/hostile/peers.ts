/** Bad initiators' tools: connections by the hundred, and PDUs that say anything. */
import { connect } from "node:net";
import { Initiator, type LoginOptions } from "../../../src/iscsi-target/testing/initiator.ts";
import { HEADER_BYTES, setDataLength } from "../../../src/iscsi-target/src/pdu/basic-header.ts";
import { setU32 } from "../../../src/iscsi-target/src/wire/bytes.ts";
import { TARGETS } from "./circumstances.ts";

const dialled: { cut(): void }[] = [];

/** Cuts every connection that was made here, whatever became of the test that made it. */
export function cutAll(): void {
  for (const peer of dialled.splice(0)) peer.cut();
}

/** A connection that has said nothing yet. */
export async function dial(port: number): Promise<Initiator> {
  const initiator = await Initiator.dial(port);
  dialled.push(initiator);
  return initiator;
}

/** Throws when the login is refused. */
export async function logIn(port: number, options: LoginOptions): Promise<Initiator> {
  const initiator = await dial(port);
  const { status } = await initiator.logIn({ initiatorName: "iqn.2026-01.test:bad", ...options });
  if (status !== 0) throw new Error(`login refused with 0x${status.toString(16)}`);
  return initiator;
}

/** A session on the fast disk that has taken its unit attention. */
export async function session(port: number, isid: string, target: string = TARGETS.fast): Promise<Initiator> {
  const initiator = await logIn(port, { target, isid });
  await initiator.command([0x00]);
  return initiator;
}

export function isidOf(number: number): string {
  return `023d01${number.toString(16).padStart(6, "0")}`;
}

/** A request with the fields that all have, `change`d as the attack wants it. */
export function request(opcode: number, change: (header: Uint8Array) => void = () => undefined): Uint8Array {
  const header = new Uint8Array(HEADER_BYTES);
  header[0] = opcode | 0x40;
  header[1] = 0x80;
  setU32(header, 16, 0x1000);
  setU32(header, 20, 0xffffffff);
  change(header);
  return header;
}

/** A header with a data segment of that many bytes, all of them there. */
export function withData(header: Uint8Array, bytes: number): Uint8Array {
  const pdu = new Uint8Array(HEADER_BYTES + Math.ceil(bytes / 4) * 4);
  pdu.set(header);
  setDataLength(pdu, 0, bytes);
  return pdu;
}

/** A plain TCP connection from one of the loopback addresses: as many peers as there are addresses. */
export async function dialFrom(port: number, address: string): Promise<{ readonly closed: Promise<void> }> {
  const socket = connect({ host: "127.0.0.1", port, localAddress: address });
  dialled.push({ cut: () => socket.destroy() });
  const { promise: settled, resolve } = Promise.withResolvers<void>();
  const { promise: closed, resolve: close } = Promise.withResolvers<void>();
  socket.once("connect", resolve);
  // A connection that is refused when it is accepted is reset, perhaps before it is known here.
  for (const event of ["error", "close"] as const)
    socket.once(event, () => {
      resolve();
      close();
    });
  socket.resume();
  await settled;
  return { closed };
}

export async function isClosedWithin(closed: Promise<unknown>, ms: number): Promise<boolean> {
  return await Promise.race([closed.then(() => true), Bun.sleep(ms).then(() => false)]);
}

/** Runs `work` that many times, so many at once. */
export async function many(
  times: number,
  atOnce: number,
  work: (number: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const run = async (): Promise<void> => {
    while (next < times) await work(next++);
  };
  await Promise.all(Array.from({ length: atOnce }, run));
}
