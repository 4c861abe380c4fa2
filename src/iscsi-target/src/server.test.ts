/** The life of sessions: logins, discovery, task management, reinstatement, the end. */
import { afterEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { Initiator, READ_16, WRITE_16, cdb16 } from "../testing/initiator.ts";
import { manage } from "../testing/manage.ts";
import { RamDevice } from "../testing/ram-device.ts";
import { type ServeOptions, type Served, TARGET, serve, unitOf } from "../testing/serve.ts";
import { type LogicalUnit, LoginReject, createIscsiServer } from "./index.ts";
import { encodeTextKeys } from "./login/text-keys.ts";
import { CONTINUE_BIT, NO_TAG, RESPONSE } from "./pdu/basic-header.ts";
import { encodeDataOut } from "./pdu/data-out.ts";
import { decodeLogoutResponse, encodeLogoutRequest } from "./pdu/logout.ts";
import { decodeNopIn, encodeNopOut } from "./pdu/nop.ts";
import { TASK_FUNCTION, TASK_RESPONSE, encodeTaskManagementRequest } from "./pdu/task-management.ts";
import { decodeTextResponse, encodeTextRequest } from "./pdu/text.ts";

// Sockets and timers on a machine that is busy with other suites.
setDefaultTimeout(30_000);

const GOOD = 0;
const CHECK_CONDITION = 2;
const LOGIN = { user: "pi", secret: "0123456789abcdef" };

const served: Served[] = [];
afterEach(async () => {
  for (const { server } of served.splice(0)) await server.stop();
});

async function start(options: ServeOptions = {}): Promise<Served> {
  const one = await serve(options);
  served.push(one);
  return one;
}

async function ready(
  port: number,
  options: { isid?: string; initiatorName?: string } = {},
): Promise<Initiator> {
  const initiator = await Initiator.login(port, { target: TARGET, ...options });
  await initiator.command([0x00]);
  return initiator;
}

/** One text exchange to its end, over as many responses as it takes. */
async function ask(
  initiator: Initiator,
  key: string,
  value: string,
): Promise<{ pairs: string[]; responses: number }> {
  let data = encodeTextKeys([[key, value]]);
  let transferTag = NO_TAG;
  const parts: Uint8Array[] = [];
  for (let responses = 1; ; responses++) {
    const { cmdSn, expStatSn } = initiator;
    const request = {
      immediate: true,
      final: true,
      continues: false,
      taskTag: initiator.nextTaskTag(),
      transferTag,
      cmdSn,
      expStatSn,
    };
    initiator.send(encodeTextRequest({ ...request, dataLength: data.length }), data);
    const pdu = await initiator.next();
    if (pdu.opcode !== RESPONSE.text) throw new Error(`opcode ${pdu.opcode}`);
    parts.push(pdu.data);
    const response = decodeTextResponse(pdu.header);
    if (response.final) {
      expect(((pdu.header[1] ?? 0) & CONTINUE_BIT) === 0).toBe(true);
      const text = new TextDecoder().decode(Buffer.concat(parts));
      return { pairs: text.split("\0").filter((pair) => pair !== ""), responses };
    }
    transferTag = response.transferTag;
    data = new Uint8Array(0);
  }
}

describe("a login", () => {
  for (const algorithms of ["5", "6", "7", "8", "8,7,6,5"]) {
    for (const base64 of [false, true]) {
      test(`by CHAP ${algorithms} in ${base64 ? "base64" : "hexadecimal"} opens a session`, async () => {
        const { port, event } = await start({ auth: LOGIN });
        const initiator = await Initiator.login(port, {
          target: TARGET,
          chap: { ...LOGIN, algorithms, base64 },
        });
        expect((await initiator.command(cdb16(READ_16, 0, 1), { expectedLength: 512 })).status).toBe(
          CHECK_CONDITION,
        );
        expect((await event("login")).session).toMatchObject({
          targetName: TARGET,
          initiatorName: "iqn.2026-01.test:initiator",
          isid: "023d00000001",
          remoteAddress: "127.0.0.1",
        });
      });
    }
  }

  test("with a wrong secret is refused, told of, and leaves no session and no open units", async () => {
    const { port, server, event, ends } = await start({ auth: LOGIN });
    const wrong = Initiator.login(port, { target: TARGET, chap: { ...LOGIN, secret: "wrong" } });
    expect(wrong).rejects.toThrow("0x201");
    expect(await event("login-failed")).toMatchObject({
      status: "authenticationFailure",
      targetName: TARGET,
      remoteAddress: "127.0.0.1",
    });
    expect(server.sessions()).toEqual([]);
    expect(ends).toEqual([]);
  });

  test("to an unknown target is refused", async () => {
    const { port, event } = await start();
    expect(Initiator.login(port, { target: "iqn.2026-01.test:none" })).rejects.toThrow("0x203");
    expect(await event("login-failed")).toMatchObject({
      status: "notFound",
      targetName: "iqn.2026-01.test:none",
    });
  });

  test("to a target that is elsewhere is told where, and the connection closed", async () => {
    const { port, events } = await start({ redirect: { address: "127.0.0.1", port: 4444 } });
    const initiator = await Initiator.dial(port);
    expect((await initiator.logIn({ target: TARGET })).status).toBe(0x0101);
    expect(initiator.keys.get("TargetAddress")).toBe("127.0.0.1:4444");
    await initiator.closed;
    expect(events).toEqual([]);
  });

  test("is refused with the owner's own reason", async () => {
    const { port, event } = await start({
      open: () => {
        throw new LoginReject("authorizationFailure", "The Pi is logged in from elsewhere.");
      },
    });
    expect(Initiator.login(port, { target: TARGET })).rejects.toThrow("0x202");
    expect(await event("login-failed")).toMatchObject({ reason: "The Pi is logged in from elsewhere." });
  });

  test("that the owner fails to serve is answered as the target's error, and the server goes on", async () => {
    const { port, event } = await start({ open: () => Promise.reject(new Error("no space left")) });
    expect(Initiator.login(port, { target: TARGET })).rejects.toThrow("0x302");
    expect((await event("login-failed")).reason).toContain("no space left");
    const discovery = await Initiator.login(port);
    expect((await ask(discovery, "SendTargets", "All")).pairs).toHaveLength(2);
  });

  test("waits for an owner that takes its time, and one that hangs up meanwhile leaves nothing open", async () => {
    const gate = Promise.withResolvers<void>();
    const entered = Promise.withResolvers<void>();
    const closed = Promise.withResolvers<string>();
    const { port, server } = await start({
      open: async () => {
        entered.resolve();
        await gate.promise;
        return { units: [unitOf(new RamDevice(512))], closed: closed.resolve };
      },
    });
    const initiator = await Initiator.dial(port);
    const login = initiator.logIn({ target: TARGET });
    login.catch(() => undefined);
    await entered.promise;
    initiator.cut();
    await initiator.closed;
    gate.resolve();
    expect(await closed.promise).toBe("drop");
    expect(server.sessions()).toEqual([]);
  });
});

describe("discovery", () => {
  test("lists the targets at the address that the initiator reached", async () => {
    const { port } = await start({ targets: [TARGET, "iqn.2026-01.test:other"] });
    const initiator = await Initiator.login(port);
    const { pairs } = await ask(initiator, "SendTargets", "All");
    expect(pairs).toEqual([
      `TargetName=${TARGET}`,
      `TargetAddress=127.0.0.1:${port},1`,
      "TargetName=iqn.2026-01.test:other",
      `TargetAddress=127.0.0.1:${port},1`,
    ]);
    expect((await ask(initiator, "SendTargets", TARGET)).pairs).toHaveLength(2);
    expect((await ask(initiator, "SendTargets", "iqn.2026-01.test:none")).pairs).toEqual([]);
  });

  test("shows a CHAP login its own targets and a stranger none", async () => {
    const { port } = await start({ auth: LOGIN });
    expect((await ask(await Initiator.login(port), "SendTargets", "All")).pairs).toEqual([]);
    const known = await Initiator.login(port, { chap: LOGIN });
    expect((await ask(known, "SendTargets", "All")).pairs).toHaveLength(2);
    expect(Initiator.login(port, { chap: { ...LOGIN, secret: "wrong" } })).rejects.toThrow("0x201");
  });

  test("a long list comes in pieces of the initiator's size, and nothing is lost", async () => {
    const targets = Array.from({ length: 300 }, (_, i) => `iqn.2026-01.test:disk-${i}`);
    const { port } = await start({ targets });
    const initiator = await Initiator.login(port, { keys: [["MaxRecvDataSegmentLength", "512"]] });
    const { pairs, responses } = await ask(initiator, "SendTargets", "All");
    expect(pairs.filter((pair) => pair.startsWith("TargetName=")).map((pair) => pair.slice(11))).toEqual(
      targets,
    );
    expect(responses).toBeGreaterThan(30);
  });

  test("shows a normal session its own target by every way of asking, and no other", async () => {
    const { port } = await start({ targets: [TARGET, "iqn.2026-01.test:other"] });
    const initiator = await ready(port);
    for (const value of ["", "All", TARGET, TARGET.toUpperCase()])
      expect((await ask(initiator, "SendTargets", value)).pairs[0]).toBe(`TargetName=${TARGET}`);
    expect((await ask(initiator, "SendTargets", "iqn.2026-01.test:other")).pairs).toEqual([]);
  });

  test("asks the owner for the portal when it wants to name another", async () => {
    const server = await createIscsiServer({
      hostname: "127.0.0.1",
      port: 0,
      directory: { find: () => undefined, visible: () => [TARGET], chapSecret: () => undefined },
      portalAddress: ({ address, port }) => `[fe80::1]:${port}-${address}`,
    });
    const initiator = await Initiator.login(server.port);
    const { pairs } = await ask(initiator, "SendTargets", "All");
    expect(pairs[1]).toBe(`TargetAddress=[fe80::1]:${server.port}-127.0.0.1,1`);
    await server.stop();
  });

  test("a session of it has no disks", async () => {
    const { port } = await start();
    const initiator = await Initiator.login(port);
    void initiator.command([0x00]);
    expect((await initiator.next()).opcode).toBe(RESPONSE.reject);
    const taskManagement = { immediate: false, function: TASK_FUNCTION.targetColdReset, lun: 0, taskTag: 7 };
    const { cmdSn, expStatSn } = initiator;
    initiator.send(
      encodeTaskManagementRequest({
        ...taskManagement,
        referencedTaskTag: NO_TAG,
        refCmdSn: 0,
        cmdSn,
        expStatSn,
      }),
    );
    initiator.cmdSn++;
    expect((await initiator.next()).opcode).toBe(RESPONSE.reject);
    // Both have been counted, so the numbering has no hole and the session goes on.
    expect((await ask(initiator, "SendTargets", "All")).pairs).toHaveLength(2);
  });
});

describe("pings", () => {
  test("of the initiator come back with their data", async () => {
    const { port } = await start();
    const initiator = await ready(port);
    const data = new TextEncoder().encode("are you there?");
    const { cmdSn, expStatSn } = initiator;
    initiator.send(
      encodeNopOut({
        immediate: true,
        taskTag: 99,
        transferTag: NO_TAG,
        cmdSn,
        expStatSn,
        dataLength: data.length,
      }),
      data,
    );
    const pdu = await initiator.next();
    expect(pdu.opcode).toBe(RESPONSE.nopIn);
    expect(decodeNopIn(pdu.header)).toMatchObject({ taskTag: 99, transferTag: NO_TAG });
    expect(new TextDecoder().decode(pdu.data)).toBe("are you there?");
  });

  test("of ours that nobody answers are not repeated and cost the peer nothing", async () => {
    const { port, server } = await start({ limits: { pingIntervalMs: 20, loginTimeoutMs: 40 } });
    const initiator = await ready(port);
    const ping = await initiator.next();
    const { taskTag, transferTag } = decodeNopIn(ping.header);
    expect(taskTag).toBe(NO_TAG);
    expect(transferTag).not.toBe(NO_TAG);
    await Bun.sleep(120);
    expect(server.sessions()).toHaveLength(1);
    expect((await initiator.command([0x00])).status).toBe(GOOD);
    const { cmdSn, expStatSn } = initiator;
    initiator.send(
      encodeNopOut({ immediate: true, taskTag: NO_TAG, transferTag, cmdSn, expStatSn, dataLength: 0 }),
    );
    expect((await initiator.next()).opcode).toBe(RESPONSE.nopIn);
  });
});

describe("task management", () => {
  test("an aborted command is never answered and its tag is free again", async () => {
    const { port, device } = await start();
    const initiator = await ready(port);
    const release = device.hold();
    const flush = initiator.command([0x35]);
    let isAnswered = false;
    void flush.then(() => (isAnswered = true));
    const tag = initiator.nextTaskTag() - 1;
    expect(await manage(initiator, TASK_FUNCTION.abortTask, { referencedTaskTag: tag })).toBe(
      TASK_RESPONSE.complete,
    );
    release();
    expect((await initiator.command([0x00])).status).toBe(GOOD);
    expect(isAnswered).toBe(false);
    expect(await manage(initiator, TASK_FUNCTION.abortTask, { referencedTaskTag: tag })).toBe(
      TASK_RESPONSE.noSuchTask,
    );
  });

  test("a LUN reset drops the commands of every session and tells each of them", async () => {
    const { port, device } = await start();
    const one = await ready(port, { isid: "023d00000001" });
    const two = await ready(port, { isid: "023d00000002" });
    const release = device.hold();
    let answers = 0;
    void two.command([0x35]).then(() => answers++);
    await two.command([0x00]);
    expect(await manage(one, TASK_FUNCTION.lunReset)).toBe(TASK_RESPONSE.complete);
    release();
    for (const initiator of [one, two]) {
      const { status, sense } = await initiator.command([0x00]);
      expect([status, sense[2], sense[12], sense[13]]).toEqual([CHECK_CONDITION, 6, 0x29, 0x03]);
      expect((await initiator.command([0x00])).status).toBe(GOOD);
    }
    expect(answers).toBe(0);
  });

  test("a warm reset of the target tells every session, of all its disks", async () => {
    const disks = [new RamDevice(65_536), new RamDevice(65_536)];
    const units = disks.map((device, lun) => unitOf(device, lun));
    const { port } = await start({ open: () => ({ units, closed: () => undefined }) });
    const one = await ready(port, { isid: "023d00000001" });
    const two = await ready(port, { isid: "023d00000002" });
    for (const initiator of [one, two]) await initiator.command([0x00], { lun: 1 });
    expect(await manage(one, TASK_FUNCTION.targetWarmReset)).toBe(TASK_RESPONSE.complete);
    for (const initiator of [one, two]) {
      for (const lun of [0, 1]) {
        const { status, sense } = await initiator.command([0x00], { lun });
        expect([status, sense[2], sense[12], sense[13]]).toEqual([CHECK_CONDITION, 6, 0x29, 0x03]);
      }
    }
  });

  test("a cold reset is answered, then every session of the target is closed", async () => {
    const { port, events } = await start();
    const one = await ready(port, { isid: "023d00000001" });
    const two = await ready(port, { isid: "023d00000002" });
    expect(await manage(one, TASK_FUNCTION.targetColdReset)).toBe(TASK_RESPONSE.complete);
    await Promise.all([one.closed, two.closed]);
    const again = await Initiator.login(port, { target: TARGET });
    expect((await again.command([0x00])).sense[12]).toBe(0x29);
    const reasons = events.flatMap((event) => (event.kind === "drop" ? [event.reason] : []));
    expect(reasons).toEqual(["An initiator reset the target.", "An initiator reset the target."]);
  });

  test("clearing a task set drops everyone's commands and tells those that lost one", async () => {
    const { port, device } = await start();
    const [one, loser, bystander] = await Promise.all(
      ["1", "2", "3"].map((digit) => ready(port, { isid: `023d0000000${digit}` })),
    );
    if (!one || !loser || !bystander) throw new Error("three are needed");
    const release = device.hold();
    void loser.command([0x35]);
    await loser.command([0x00]);
    expect(await manage(one, TASK_FUNCTION.clearTaskSet)).toBe(TASK_RESPONSE.complete);
    release();
    const { status, sense } = await loser.command([0x00]);
    expect([status, sense[2], sense[12], sense[13]]).toEqual([CHECK_CONDITION, 6, 0x2f, 0x00]);
    for (const initiator of [one, bystander]) expect((await initiator.command([0x00])).status).toBe(GOOD);
  });

  test("aborting a task set drops the initiator's own commands and nobody else's", async () => {
    const { port, device } = await start();
    const one = await ready(port, { isid: "023d00000001" });
    const two = await ready(port, { isid: "023d00000002" });
    const release = device.hold();
    let isAnswered = false;
    void one.command([0x35]).then(() => (isAnswered = true));
    const flush = two.command([0x35]);
    await two.command([0x00]);
    expect(await manage(one, TASK_FUNCTION.abortTaskSet)).toBe(TASK_RESPONSE.complete);
    release();
    expect((await flush).status).toBe(GOOD);
    expect((await one.command([0x00])).status).toBe(GOOD);
    expect(isAnswered).toBe(false);
  });

  test("a command that is aborted before it came is counted as come, and not taken afterwards", async () => {
    const { port } = await start();
    const initiator = await ready(port);
    const refCmdSn = initiator.cmdSn;
    initiator.cmdSn = refCmdSn + 2;
    for (const number of [refCmdSn + 1, refCmdSn])
      expect(await manage(initiator, TASK_FUNCTION.abortTask, { refCmdSn: number })).toBe(
        TASK_RESPONSE.complete,
      );
    initiator.cmdSn = refCmdSn;
    void initiator.command([0x00]).then(() => expect.unreachable("it was aborted"));
    initiator.cmdSn = refCmdSn + 2;
    expect((await initiator.command([0x00])).status).toBe(GOOD);
    expect(await manage(initiator, TASK_FUNCTION.abortTask, { refCmdSn })).toBe(TASK_RESPONSE.noSuchTask);
  });

  test("a command that is no older than the abort that names it is still to come, and is taken", async () => {
    const { port } = await start();
    const initiator = await ready(port);
    for (const refCmdSn of [initiator.cmdSn, initiator.cmdSn + 1])
      expect(await manage(initiator, TASK_FUNCTION.abortTask, { refCmdSn })).toBe(TASK_RESPONSE.noSuchTask);
    for (let i = 0; i < 3; i++) expect((await initiator.command([0x00])).status).toBe(GOOD);
  });

  for (const [name, fn] of [
    ["a LUN reset", TASK_FUNCTION.lunReset],
    ["clearing a task set", TASK_FUNCTION.clearTaskSet],
  ] as const)
    test(`${name} reaches the same disk under whatever LUN, and not another disk under the same`, async () => {
      const device = new RamDevice(65_536, { cold: true });
      const disk = (naa: string, lun: number) => ({ ...unitOf(device, lun), naa });
      const mine = "3000000000000001";
      const unitsOf: Record<string, readonly LogicalUnit[]> = {
        "iqn.2026-01.test:one": [disk(mine, 0)],
        "iqn.2026-01.test:two": [disk("3000000000000002", 0), disk(mine, 5)],
      };
      const { port } = await start({
        open: ({ initiatorName }) => ({ units: unitsOf[initiatorName] ?? [], closed: () => undefined }),
      });
      const [one, two] = await Promise.all(
        Object.keys(unitsOf).map((initiatorName) => Initiator.login(port, { target: TARGET, initiatorName })),
      );
      if (!one || !two) throw new Error("two are needed");
      await one.command([0x00]);
      for (const lun of [0, 5]) await two.command([0x00], { lun });
      const release = device.hold();
      const other = two.command([0x35], { lun: 0 });
      let isAnswered = false;
      void two.command([0x35], { lun: 5 }).then(() => (isAnswered = true));
      await two.command([0xa0, 0, 0, 0, 0, 0, 0, 0, 0, 16], { read: true, expectedLength: 16 });
      expect(await manage(one, fn)).toBe(TASK_RESPONSE.complete);
      release();
      expect((await other).status).toBe(GOOD);
      expect((await two.command([0x00], { lun: 0 })).status).toBe(GOOD);
      expect((await two.command([0x00], { lun: 5 })).sense[2]).toBe(6);
      expect(isAnswered).toBe(false);
    });

  test("a wrong LUN and a function that is not there are said so", async () => {
    const { port } = await start();
    const initiator = await ready(port);
    expect(await manage(initiator, TASK_FUNCTION.lunReset, { lun: 7 })).toBe(TASK_RESPONSE.noSuchLun);
    expect(await manage(initiator, TASK_FUNCTION.taskReassign)).toBe(TASK_RESPONSE.reassignNotSupported);
    expect(await manage(initiator, TASK_FUNCTION.clearAca)).toBe(TASK_RESPONSE.notSupported);
  });

  test("data that an initiator still sends for an aborted write is nobody's", async () => {
    const { port, device } = await start();
    const initiator = await ready(port);
    let answer: (() => void) | undefined;
    const data = new Uint8Array(1024).fill(5);
    const asked = Promise.withResolvers<void>();
    void initiator.command(cdb16(WRITE_16, 0, 2), {
      write: true,
      expectedLength: 1024,
      onR2t: ({ taskTag, transferTag }) => {
        answer = () => {
          const header = {
            final: true,
            taskTag,
            transferTag,
            expStatSn: 0,
            dataSn: 0,
            bufferOffset: 0,
            dataLength: 1024,
          };
          initiator.send(encodeDataOut(header), data);
        };
        asked.resolve();
      },
    });
    await asked.promise;
    expect(await manage(initiator, TASK_FUNCTION.abortTaskSet)).toBe(TASK_RESPONSE.complete);
    answer?.();
    expect((await initiator.command([0x00])).status).toBe(GOOD);
    expect(device.bytes.indexOf(5)).toBe(-1);
  });
});

describe("the end of a session", () => {
  test("a logout is answered, then the connection is closed and the owner is told", async () => {
    const { port, server, ends, event } = await start();
    const initiator = await ready(port);
    await initiator.command(cdb16(WRITE_16, 0, 1), { data: new Uint8Array(512) });
    await initiator.command(cdb16(READ_16, 0, 4), { expectedLength: 2048 });
    await initiator.logout();
    expect((await event("logout")).session).toMatchObject({ bytesRead: 2048, bytesWritten: 512 });
    expect(ends).toEqual(["logout"]);
    expect(server.sessions()).toEqual([]);
  });

  test("removing a connection for recovery is not supported, and the session goes on", async () => {
    const { port } = await start();
    const initiator = await ready(port);
    const { cmdSn } = initiator;
    initiator.send(
      encodeLogoutRequest({ immediate: true, reason: 2, taskTag: 50, cid: 0, cmdSn, expStatSn: 0 }),
    );
    expect(decodeLogoutResponse((await initiator.next()).header).response).toBe(2);
    expect((await initiator.command([0x00])).status).toBe(GOOD);
  });

  test("a cut connection closes the units after the device has come to rest", async () => {
    const { port, device, ends, event } = await start({ device: new RamDevice(65_536, { cold: true }) });
    const initiator = await ready(port);
    const release = device.hold();
    void initiator.command(cdb16(READ_16, 0, 8), { expectedLength: 4096 });
    const other = await ready(port, { isid: "023d00000002" });
    initiator.cut();
    expect((await other.command([0x00])).status).toBe(GOOD);
    expect(ends).toEqual([]);
    release();
    expect((await event("drop")).end).toBe("drop");
    expect(ends).toEqual(["drop"]);
  });

  test("a relogin with the same ISID reinstates: the old session is closed before the new one is opened", async () => {
    const log: string[] = [];
    let opened = 0;
    const { port, server } = await start({
      open: () => {
        const name = `s${++opened}`;
        log.push(`open ${name}`);
        return {
          units: [unitOf(new RamDevice(65_536))],
          closed: async (end) => {
            await Bun.sleep(5);
            log.push(`closed ${name} ${end}`);
          },
        };
      },
    });
    const first = await ready(port);
    const second = await ready(port);
    await first.closed;
    expect(log).toEqual(["open s1", "closed s1 reinstated", "open s2"]);
    expect(server.sessions()).toHaveLength(1);
    expect((await second.command([0x00])).status).toBe(GOOD);
    expect(second.tsih).not.toBe(0);
  });

  test("many relogins of one nexus at once leave exactly one session, and every other one closed", async () => {
    let open = 0;
    let most = 0;
    const { port, server } = await start({
      open: async () => {
        most = Math.max(most, ++open);
        await Bun.sleep(1);
        return { units: [unitOf(new RamDevice(65_536))], closed: () => void open-- };
      },
    });
    await Promise.allSettled(Array.from({ length: 20 }, () => Initiator.login(port, { target: TARGET })));
    expect(server.sessions()).toHaveLength(1);
    expect([open, most]).toEqual([1, 1]);
  });

  test("sessions of one initiator with different ISIDs live side by side", async () => {
    const { port, server } = await start();
    const one = await ready(port, { isid: "023d00000001" });
    const two = await ready(port, { isid: "023d00000002" });
    expect(server.sessions().map(({ isid }) => isid)).toEqual(["023d00000001", "023d00000002"]);
    await one.command(cdb16(WRITE_16, 0, 1), { data: new Uint8Array(512).fill(8) });
    expect((await two.command(cdb16(READ_16, 0, 1), { expectedLength: 512 })).data[0]).toBe(8);
  });

  test("a login that claims a session which is not there is refused", async () => {
    const { port } = await start();
    expect(Initiator.login(port, { target: TARGET, tsih: 77 })).rejects.toThrow("0x20a");
  });

  test("a login that claims its own session takes it over", async () => {
    const { port, server } = await start();
    const first = await ready(port);
    const second = await Initiator.login(port, { target: TARGET, tsih: first.tsih });
    expect(second.tsih).toBe(first.tsih);
    expect(server.sessions()).toHaveLength(1);
  });

  test("disconnect finishes what is in flight and tells how many sessions there were", async () => {
    const { port, server, device, ends } = await start();
    const initiator = await ready(port);
    const release = device.hold();
    const flush = initiator.command([0x35]);
    await initiator.command([0x00]);
    const gone = server.disconnect(TARGET);
    release();
    expect((await flush).status).toBe(GOOD);
    expect(await gone).toBe(1);
    expect(ends).toEqual(["disconnected"]);
    expect(await server.disconnect(TARGET)).toBe(0);
    await initiator.closed;
  });

  test("stop finishes what is in flight, closes the units and frees the port", async () => {
    const { port, server, device, ends, events } = await start();
    const initiator = await ready(port);
    const release = device.hold();
    const flush = initiator.command([0x35]);
    await initiator.command([0x00]);
    const stopped = server.stop();
    release();
    expect((await flush).status).toBe(GOOD);
    await stopped;
    expect(ends).toEqual(["stopped"]);
    expect(events.at(-1)).toMatchObject({ kind: "drop", end: "stopped" });
    const again = await createIscsiServer({
      hostname: "127.0.0.1",
      port,
      directory: { find: () => undefined, visible: () => [], chapSecret: () => undefined },
    });
    await again.stop();
  });

  test("stop does not wait for ever for an initiator that owes its data", async () => {
    const { port, server, ends } = await start({ limits: { stopGraceMs: 60 } });
    const initiator = await ready(port);
    const asked = Promise.withResolvers<void>();
    void initiator.command(cdb16(WRITE_16, 0, 2), {
      write: true,
      expectedLength: 1024,
      onR2t: () => asked.resolve(),
    });
    await asked.promise;
    await server.stop();
    expect(ends).toEqual(["stopped"]);
  });

  test("a port in use is the system's own error", async () => {
    const { port } = await start();
    const second = createIscsiServer({
      hostname: "127.0.0.1",
      port,
      directory: { find: () => undefined, visible: () => [], chapSecret: () => undefined },
    });
    expect(second).rejects.toMatchObject({ code: "EADDRINUSE" });
  });
});
