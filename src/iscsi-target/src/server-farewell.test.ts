/** How the server takes leave of initiators: it asks, waits a while, and closes. */
import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { Initiator } from "../testing/initiator.ts";
import { type ServeOptions, type Served, TARGET, serve } from "../testing/serve.ts";
import { ASYNC_EVENT, type AsyncMessage, decodeAsyncMessage } from "./pdu/async-message.ts";
import { RESPONSE } from "./pdu/basic-header.ts";

// Sockets and timers on a machine that is busy with other suites.
setDefaultTimeout(30_000);

const GOOD = 0;
/** Longer than any test: what ends before it did not wait for it. */
const FOR_EVER_MS = 600_000;

let served: Served | undefined;
afterEach(() => served?.server.stop());

async function start(limits: NonNullable<ServeOptions["limits"]> = {}): Promise<Served> {
  served = await serve({ limits });
  return served;
}

async function ready(port: number, isid = "023d00000001"): Promise<Initiator> {
  const initiator = await Initiator.login(port, {
    target: TARGET,
    isid,
    keys: [["DefaultTime2Wait", "3"]],
  });
  await initiator.command([0x00]);
  return initiator;
}

async function word(initiator: Initiator): Promise<AsyncMessage> {
  const { opcode, header } = await initiator.next();
  expect(opcode).toBe(RESPONSE.asyncMessage);
  return decodeAsyncMessage(header);
}

describe("a server that stops", () => {
  test("asks to log out, is answered, and waits no longer than for that", async () => {
    const { server, port, ends, events } = await start({
      logoutWaitMs: FOR_EVER_MS,
      stopGraceMs: FOR_EVER_MS,
    });
    const initiator = await ready(port);
    const { expStatSn } = initiator;
    const stopped = server.stop();
    const message = await word(initiator);
    expect(message).toMatchObject({ event: ASYNC_EVENT.logoutRequest, parameter3: 600, statSn: expStatSn });
    await initiator.logout();
    await stopped;
    // It did as it was told, which is not leaving for good.
    expect(ends).toEqual(["stopped"]);
    expect(events.at(-1)).toMatchObject({ kind: "drop", end: "stopped" });
  });

  test("gives one that does not log out the time that it told, and then closes", async () => {
    const { server, port, ends } = await start({ logoutWaitMs: 40 });
    const initiator = await ready(port);
    const stopped = server.stop();
    expect(await word(initiator)).toMatchObject({ event: ASYNC_EVENT.logoutRequest, parameter3: 1 });
    await Promise.all([stopped, initiator.closed]);
    expect(ends).toEqual(["stopped"]);
  });

  test("answers what is in flight before anybody leaves, and takes nothing new", async () => {
    const { server, port, device } = await start({ logoutWaitMs: FOR_EVER_MS, stopGraceMs: FOR_EVER_MS });
    const initiator = await ready(port);
    const release = device.hold();
    const flush = initiator.command([0x35]);
    await initiator.command([0x00]);
    const stopped = server.stop();
    await word(initiator);
    void initiator.command([0x00]).then(() => expect.unreachable("it came after the request to leave"));
    release();
    expect((await flush).status).toBe(GOOD);
    await initiator.logout();
    await stopped;
  });

  test("does not wait for discovery sessions", async () => {
    const { server, port } = await start({ logoutWaitMs: FOR_EVER_MS, stopGraceMs: FOR_EVER_MS });
    const initiator = await Initiator.login(port);
    await server.stop();
    await initiator.closed;
  });
});

describe("a target that is disconnected", () => {
  test("says that it drops the session and when to come back, and closes at once", async () => {
    const { server, port, ends } = await start({ logoutWaitMs: FOR_EVER_MS, stopGraceMs: FOR_EVER_MS });
    const initiator = await ready(port);
    const gone = server.disconnect(TARGET);
    expect(await word(initiator)).toMatchObject({
      event: ASYNC_EVENT.droppingSession,
      parameter2: 3,
      parameter3: 0,
    });
    expect(await gone).toBe(1);
    await initiator.closed;
    expect(ends).toEqual(["disconnected"]);
    expect((await (await ready(port)).command([0x00])).status).toBe(GOOD);
    await server.disconnect(TARGET);
  });
});
