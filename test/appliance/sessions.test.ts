/** Disks as an initiator has them: identity, secrets, kill -9, removal, ephemeral ones. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import {
  CreatedSessionSchema,
  iscsiUrl,
  qemuIo,
  runProgram,
  temporaryFolder,
  TestServer,
} from "../support/pinetboot.ts";
import { describeWith } from "../support/tools.ts";

describeWith(["qemu-io", "qemu-img", "iscsi-inq"], "sessions", () => {
  let folder = temporaryFolder("sessions");
  let server: TestServer;

  beforeAll(async () => {
    folder = temporaryFolder("sessions");
    server = await TestServer.start({ data: join(folder.path, "data") });
  });
  afterAll(async () => {
    await server.stop("SIGKILL");
    folder.dispose();
  });

  test("a new blank session is a disk of its size that keeps what is written", async () => {
    const session = await server.createSession({ image: "blank", size: "32M" });
    expect(session.iqn).toMatch(/^iqn\.2026-01\.net\.pinetboot:[a-z0-9.:-]+$/);
    expect(session.chap_secret).toMatch(/^[A-Za-z0-9]{16}$/);
    expect(session).toMatchObject({
      portal: server.ready.iscsi,
      luns: [{ lun: 0, image: "blank", size_bytes: 32 * 2 ** 20 }],
      persistent: true,
      expires_at: null,
    });
    expect((await qemuIo(iscsiUrl(session), "write -P 5 4k 8k", "flush")).code).toBe(0);
    const after = await qemuIo(iscsiUrl(session), "read -P 5 4k 8k", "read -P 0 12k 64k", "length");
    expect(after.code).toBe(0);
    expect(after.stdout).toContain("32 MiB");
  });

  test("several images are several units, each with a name of its own", async () => {
    const session = await server.createSession({ images: ["blank", { image: "blank", size: "8M" }] });
    expect(session.luns.map(({ lun, size_bytes }) => [lun, size_bytes])).toEqual([
      [0, 4 * 2 ** 30],
      [1, 8 * 2 ** 20],
    ]);
    expect((await qemuIo(iscsiUrl(session, { lun: 1 }), "write -P 5 0 4k")).code).toBe(0);
    expect((await qemuIo(iscsiUrl(session), "read -P 0 0 4k")).code).toBe(0);
    const names = await Promise.all([0, 1].map((lun) => inquiry(iscsiUrl(session, { lun }), "131")));
    expect(new Set(names).size).toBe(2);
  });

  test("a wrong secret is refused, told as an event that does not show it, and others go on", async () => {
    const session = await server.createSession({ image: "blank", size: "8M" });
    const refused = await qemuIo(iscsiUrl(session, { secret: "WrongWrongWrong1" }), "read 0 512");
    expect(refused.code).not.toBe(0);
    const step = await server.step(
      ({ stage, state, detail }) => stage === "login" && state === "fail" && detail.includes(session.iqn),
    );
    expect(JSON.stringify(step)).not.toContain("WrongWrong");
    expect((await qemuIo(iscsiUrl(session), "read 0 512")).code).toBe(0);
  });

  test("no secret is ever printed", async () => {
    const session = await server.createSession({ image: "blank", size: "8M" });
    await qemuIo(iscsiUrl(session), "read 0 512");
    const list = await server.cli("session", "list", "--json");
    expect(list.stdout).toContain(session.id);
    expect(JSON.stringify([list, server.steps])).not.toContain(session.chap_secret);
  });

  test("a login to a session that does not exist fails", async () => {
    const session = await server.createSession({ image: "blank", size: "8M" });
    const url = iscsiUrl(session).replace(session.iqn, "iqn.2026-01.net.pinetboot:nothere");
    expect((await qemuIo(url, "read 0 512")).code).not.toBe(0);
  });

  test("a session in use is not removed unless forced, and forced its initiator is disconnected", async () => {
    const session = await server.createSession({ image: "blank", size: "8M" });
    const holder = Bun.spawn(["qemu-io", "-f", "raw", iscsiUrl(session)], {
      stdin: "pipe",
      stdout: "ignore",
      stderr: "ignore",
    });
    try {
      await server.step(
        ({ stage, state, detail }) => stage === "login" && state === "ok" && detail.includes(session.id),
      );
      const refused = await server.cli("session", "remove", session.id, "--json");
      expect(refused.code).toBe(1);
      expect(JSON.parse(refused.stderr)).toMatchObject({
        error: { code: "in-use", message: expect.stringContaining("127.0.0.1") },
      });
      expect((await server.cli("session", "remove", session.id, "--force")).code).toBe(0);
      expect((await qemuIo(iscsiUrl(session), "read 0 512")).code).not.toBe(0);
      expect((await server.cli("session", "list", "--json")).stdout).not.toContain(session.id);
    } finally {
      holder.kill("SIGKILL");
      await holder.exited;
    }
  });

  test("a removed session leaves no file", async () => {
    const session = await server.createSession({ image: "blank", size: "8M" });
    await qemuIo(iscsiUrl(session), "write 0 4k");
    await server.step(({ stage, detail }) => stage === "session" && detail.includes(`session ${session.id}`));
    expect((await server.cli("session", "remove", session.id)).code).toBe(0);
    const { stdout } = await runProgram(["find", join(server.data, "overlays"), "-name", `${session.id}*`]);
    expect(stdout).toBe("");
  });

  test("a session whose time is over is suspended, woken by a login, and removed when nobody comes back", async () => {
    const session = await server.createSession({
      image: "blank",
      size: "8M",
      ttl_seconds: 1,
      evict_after_seconds: 1,
    });
    const told = (words: string) =>
      server.step(({ detail }) => detail.startsWith(`Session ${session.id} ${words}`), 20_000);
    await told("is suspended");
    expect((await qemuIo(iscsiUrl(session), "read 0 512")).code).toBe(0);
    await told("was woken");
    expect((await told("was removed")).state).toBe("ok");
  }, 60_000);

  test("a command makes a session without a server, and the server has it then", async () => {
    const data = join(folder.path, "beside");
    const alone = await runProgram([
      process.execPath,
      "src/cli/main.ts",
      "session",
      "create",
      "--size",
      "8M",
      "--json",
      "--data",
      data,
    ]);
    expect(alone.code).toBe(0);
    const session = CreatedSessionSchema.parse(JSON.parse(alone.stdout));
    const other = await TestServer.start({ data });
    try {
      expect(
        (await qemuIo(iscsiUrl(session, { portal: other.ready.iscsi ?? "" }), "write -P 1 0 4k")).code,
      ).toBe(0);
    } finally {
      await other.stop("SIGKILL");
    }
  });
});

describeWith(["qemu-io", "qemu-img", "iscsi-inq"], "a server that is killed", () => {
  let folder = temporaryFolder("killed");
  let server: TestServer;

  beforeEach(async () => {
    folder = temporaryFolder("killed");
    server = await TestServer.start({ data: join(folder.path, "data") });
  });
  afterEach(async () => {
    await server.stop("SIGKILL");
    folder.dispose();
  });

  test("has kept every write that it had acknowledged, and every name, when it is back", async () => {
    const session = await server.createSession({ image: "blank", size: "256M" });
    const before = await identityOf(iscsiUrl(session));
    const written = await writeUntilKilled(iscsiUrl(session), server);
    expect(written.acknowledged).toBeGreaterThan(50);

    server = await TestServer.start({ data: server.data });
    const url = iscsiUrl(session, { portal: server.ready.iscsi ?? "" });
    const reads = Array.from({ length: written.acknowledged }, (_, index) => `read ${writeArguments(index)}`);
    const verified = await qemuIo(url, ...reads);
    expect(verified.stdout).not.toContain("verification failed");
    expect(verified.code).toBe(0);
    expect(await identityOf(url)).toEqual(before);
    expect(await server.stop()).toBe(0);
    expect(
      (await runProgram(["qemu-img", "check", join(server.data, "overlays", `${session.id}.qcow2`)])).code,
    ).toBe(0);
  }, 60_000);
});

describeWith(["qemu-io", "qemu-img"], "a disk that a killed server left open", () => {
  test("is whole for other programs after the next start and end, though nobody has logged in", async () => {
    const folder = temporaryFolder("mended");
    const data = join(folder.path, "data");
    const first = await TestServer.start({ data });
    try {
      const session = await first.createSession({ image: "blank", size: "16M" });
      expect((await writeUntilKilled(iscsiUrl(session), first)).acknowledged).toBeGreaterThan(50);
      const second = await TestServer.start({ data });
      expect(await second.stop()).toBe(0);
      expect(readdirSync(join(data, "overlays"))).toEqual([`${session.id}.qcow2`]);
      const overlay = join(data, "overlays", `${session.id}.qcow2`);
      expect((await runProgram(["qemu-img", "check", overlay])).code).toBe(0);
      const read = await runProgram(["qemu-io", "-f", "qcow2", "-c", `read ${writeArguments(0)}`, overlay]);
      expect(read.stdout).toContain("read 4096/4096");
      expect(read.stdout).not.toContain("failed");
    } finally {
      await first.stop("SIGKILL");
      folder.dispose();
    }
  }, 60_000);
});

/** Addresses and a pattern that tell one write from every other. */
function writeArguments(index: number): string {
  return `-P ${(index % 255) + 1} ${((index * 7919) % 4000) * 4}k 4k`;
}

/** Writes block after block; kills the server in the middle; resolves with how many were acknowledged. */
async function writeUntilKilled(url: string, server: TestServer): Promise<{ acknowledged: number }> {
  const writer = Bun.spawn(["qemu-io", "-f", "raw", url], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "ignore",
  });
  void writer.stdin.write(
    Array.from({ length: 5000 }, (_, index) => `write ${writeArguments(index)}\n`).join(""),
  );
  let acknowledged = 0;
  let rest = "";
  let killed: Promise<number> | undefined;
  const decoder = new TextDecoder();
  for await (const chunk of writer.stdout) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    acknowledged += lines.filter((line) => line.includes("wrote 4096/4096")).length;
    if (acknowledged >= 200 && !killed) {
      killed = server.stop("SIGKILL");
      // libiscsi would wait for the server for ever.
      void killed.then(() => writer.kill("SIGKILL"));
    }
  }
  await writer.exited;
  return { acknowledged };
}

async function identityOf(url: string): Promise<readonly string[]> {
  return Promise.all([inquiry(url, "128"), inquiry(url, "131")]);
}

async function inquiry(url: string, page: string): Promise<string> {
  const child = Bun.spawn(["iscsi-inq", "-e", "1", "-c", page, url], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const stdout = Buffer.from(await new Response(child.stdout).bytes());
  if ((await child.exited) !== 0) throw new Error(await new Response(child.stderr).text());
  // Designators are printed as their bytes.
  return stdout.toString("latin1");
}
