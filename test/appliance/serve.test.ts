/** The server as a process: its start, its end, and what it says when a part cannot be had. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { chmodSync, chownSync, existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import {
  iscsiUrl,
  LOOPBACK_FLAGS,
  qemuIo,
  runProgram,
  SOURCE,
  temporaryFolder,
  TestServer,
} from "../support/pinetboot.ts";
import { describeWith } from "../support/tools.ts";

let folder = temporaryFolder("serve");
const servers: TestServer[] = [];

async function start(options: Partial<Parameters<typeof TestServer.start>[0]> = {}): Promise<TestServer> {
  const server = await TestServer.start({ data: join(folder.path, "data"), ...options });
  servers.push(server);
  return server;
}

beforeEach(() => {
  folder = temporaryFolder("serve");
});
afterEach(async () => {
  for (const server of servers.splice(0)) await server.stop("SIGKILL");
  folder.dispose();
});

test("the ready line has the real ports, and each of them answers", async () => {
  const { ready } = await start();
  expect(ready.http).toMatch(/^http:\/\/127\.0\.0\.1:[1-9]\d*$/);
  for (const endpoint of [ready.iscsi, ready.tftp, ready.report])
    expect(endpoint).toMatch(/^127\.0\.0\.1:[1-9]\d*$/);
  expect(ready.dhcp).toEqual({ mode: "off", interfaces: [] });
  expect(["ready", "building", "missing"]).toContain(ready.shim);
  expect((await fetch(`${ready.http}/api/health`)).status).toBe(200);
  expect((await fetch(`http://${ready.report}/`)).status).toBe(404);
});

test("a second server on the same data folder names the first and leaves it alone", async () => {
  const first = await start();
  const second = await runProgram([...SOURCE, "serve", "--data", first.data, ...LOOPBACK_FLAGS]);
  expect(second.code).toBe(1);
  expect(second.stderr.trim().split("\n")).toHaveLength(1);
  expect(second.stderr).toContain(`process ${first.pid} (pinetboot serve)`);
  expect((await fetch(`${first.ready.http}/api/health`)).status).toBe(200);
});

test("a server that was killed leaves nothing that keeps the next one from starting", async () => {
  const first = await start();
  await first.stop("SIGKILL");
  const second = await start();
  expect((await second.cli("session", "list")).code).toBe(0);
});

test("a port in use is said in one line with the process that has it, and the rest is served", async () => {
  const other = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  try {
    const flags = LOOPBACK_FLAGS.map((word, index) =>
      LOOPBACK_FLAGS[index - 1] === "--iscsi-port" ? String(other.port) : word,
    );
    const server = await start({ flags });
    expect(server.ready.iscsi).toBeNull();
    const step = await server.step(({ state }) => state === "fail");
    expect(step.detail).toContain(`iSCSI cannot listen on TCP port ${other.port}: it is in use by`);
    expect(step.detail).toContain(`(process ${process.pid})`);
    expect(step.fix).toContain("--iscsi-port");
    const health = await (await fetch(`${server.ready.http}/api/health`)).json();
    expect(health).toMatchObject({ problems: [{ message: step.detail, fix: step.fix }] });
  } finally {
    other.stop(true);
  }
});

test.each(["SIGTERM", "SIGINT"] as const)("%s ends it cleanly", async (signal) => {
  const server = await start();
  expect(await server.stop(signal)).toBe(0);
  expect(existsSync(join(server.data, "pinetboot.sock"))).toBe(false);
});

describeWith(["qemu-io", "qemu-img"], "with an initiator", () => {
  test("an end while a disk is in use closes the disk: it is clean, and what was written is in it", async () => {
    const server = await start();
    const session = await server.createSession({ image: "blank", size: "64M" });
    expect((await qemuIo(iscsiUrl(session), "write -P 9 1M 1M")).code).toBe(0);
    const holder = Bun.spawn(["qemu-io", "-f", "raw", iscsiUrl(session)], {
      stdin: "pipe",
      stdout: "pipe",
      stderr: "pipe",
    });
    await server.step(({ stage, detail }) => stage === "login" && detail.includes(session.id));
    expect(await server.stop()).toBe(0);
    holder.kill("SIGKILL");
    const overlay = join(server.data, "overlays", `${session.id}.qcow2`);
    expect(readdirSync(join(server.data, "overlays"))).toEqual([`${session.id}.qcow2`]);
    expect((await runProgram(["qemu-img", "check", overlay])).code).toBe(0);
    const read = await runProgram(["qemu-io", "-f", "qcow2", "-c", "read -P 9 1M 1M", overlay]);
    expect(read.stdout).toContain("read 1048576/1048576");
    expect(read.stdout).not.toContain("failed");
  });
});

describeWith(["root", "setpriv"], "as a user without rights", () => {
  test("low ports are said in one line each with the exact remedy, and the rest is served", async () => {
    chownSync(folder.path, 65_534, 65_534);
    chmodSync(folder.path, 0o755);
    const server = await start({
      run: [
        "setpriv",
        "--reuid",
        "65534",
        "--regid",
        "65534",
        "--clear-groups",
        "--inh-caps",
        "-all",
        "--bounding-set",
        "-all",
      ],
      flags: LOOPBACK_FLAGS.map((word, index) => (LOOPBACK_FLAGS[index - 1] === "--tftp-port" ? "69" : word)),
      env: { HOME: folder.path, XDG_CACHE_HOME: folder.path },
    });
    expect(server.ready.tftp).toBeNull();
    expect(server.ready.iscsi).not.toBeNull();
    const { detail, fix } = await server.step(({ state }) => state === "fail");
    expect(detail).toContain("TFTP cannot listen on UDP port 69");
    expect(fix).toStartWith("sudo setcap 'cap_net_bind_service,cap_net_raw=+ep' ");
  });
});

describeWith(["root", "qemu-io"], "as root", () => {
  test("what root is not needed for is given away once the ports are bound", async () => {
    const server = await start();
    const status = await Bun.file(`/proc/${server.pid}/status`).text();
    const kept = (1n << 10n) | (1n << 13n);
    expect(BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1]}`)).toBe(kept);
    expect((await server.cli("session", "create", "--size", "1M")).code).toBe(0);
  });

  test("under sudo the server becomes the caller and every file is the caller's", async () => {
    chmodSync(folder.path, 0o755);
    chownSync(folder.path, 65_534, 65_534);
    const server = await start({ env: { SUDO_UID: "65534", SUDO_GID: "65534", SUDO_USER: "nobody" } });
    const status = await Bun.file(`/proc/${server.pid}/status`).text();
    expect(/^Uid:\s*(\d+)/m.exec(status)?.[1]).toBe("65534");
    const session = await server.createSession({ image: "blank", size: "64M" });
    expect((await qemuIo(iscsiUrl(session), "write -P 9 0 64k")).code).toBe(0);
    await server.stop();
    const { stdout } = await runProgram(["find", server.data, "!", "-user", "nobody"]);
    expect(stdout).toBe("");
  });
});
