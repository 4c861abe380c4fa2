/** The disk of the data folder fills up: clear errors at each level, nothing lost, and on it goes when there is room. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { iscsiUrl, qemuIo, runProgram, temporaryFolder, TestServer } from "../support/pinetboot.ts";
import { describeWith } from "../support/tools.ts";

describeWith(["root", "qemu-io", "qemu-img", "mount"], "a full disk", () => {
  let folder = temporaryFolder("full");
  let server: TestServer;
  let filler = "";

  beforeEach(async () => {
    folder = temporaryFolder("full");
    const data = join(folder.path, "data");
    mkdirSync(data);
    const mounted = await runProgram(["mount", "-t", "tmpfs", "-o", "size=32M", "tmpfs", data]);
    if (mounted.code !== 0) throw new Error(mounted.stderr);
    filler = join(data, "filler");
    server = await TestServer.start({ data });
  });
  afterEach(async () => {
    await server.stop("SIGKILL");
    await runProgram(["umount", join(folder.path, "data")]);
    folder.dispose();
  });

  /** Leaves about this much room. */
  async function fill(leaveBytes: number): Promise<void> {
    const { stdout } = await runProgram(["stat", "-f", "-c", "%a %S", server.data]);
    const [blocks = 0, blockBytes = 0] = stdout.trim().split(" ").map(Number);
    await Bun.write(filler, new Uint8Array(blocks * blockBytes - leaveBytes));
  }

  test("refuses a guest's write, keeps what is there, tells why, and goes on when there is room again", async () => {
    const session = await server.createSession({ image: "blank", size: "64M" });
    const url = iscsiUrl(session);
    expect((await qemuIo(url, "write -P 1 0 1M", "flush")).code).toBe(0);
    await fill(2 * 2 ** 20);
    const refused = await qemuIo(url, "write -P 2 8M 8M");
    expect(refused.code).not.toBe(0);
    expect(refused.stdout + refused.stderr).toContain("No space left");
    const step = await server.step(({ stage, state }) => stage === "session" && state === "fail");
    expect(step).toMatchObject({
      detail: expect.stringContaining(session.id),
      fix: expect.stringContaining("room"),
    });
    expect((await qemuIo(url, "read -P 1 0 1M")).code).toBe(0);

    rmSync(filler);
    expect((await qemuIo(url, "write -P 2 8M 8M", "flush", "read -P 2 8M 8M", "read -P 1 0 1M")).code).toBe(
      0,
    );
    expect(await server.stop()).toBe(0);
    const check = await runProgram([
      "qemu-img",
      "check",
      join(server.data, "overlays", `${session.id}.qcow2`),
    ]);
    expect(check.code).toBe(0);
  }, 30_000);

  test("refuses an import in words, leaves nothing of it, and sessions go on", async () => {
    const session = await server.createSession({ image: "blank", size: "16M" });
    const image = join(folder.path, "large.img");
    await Bun.write(image, new Uint8Array(48 * 2 ** 20).fill(1));
    const refused = await server.cli("image", "import", image, "--json");
    expect(refused.code).toBe(1);
    expect(JSON.parse(refused.stderr)).toMatchObject({ error: { code: "no-space" } });
    expect((await qemuIo(iscsiUrl(session), "write -P 1 0 1M", "flush")).code).toBe(0);
  }, 30_000);

  test("keeps no Pi from its disk that is there, and tells a new one on its screen why it waits", async () => {
    const image = join(folder.path, "one.img");
    await Bun.write(image, new Uint8Array(2 ** 20).fill(1));
    expect((await server.cli("image", "import", image, "--name", "one")).code).toBe(0);
    for (const key of ["8d3fa2c1", "8d3fa2c2"])
      expect((await server.cli("pi", "assign", key, "--image", "one", "--ephemeral")).code).toBe(0);
    const ask = async (serial: string, boot: string): Promise<string> => {
      const query = new URLSearchParams({ serial, boot });
      return (await fetch(`http://${server.ready.report}/v1/parameters?${query}`)).text();
    };
    expect(await ask("8d3fa2c1", "boot-1")).toContain("state=ready");
    await fill(0);
    // SQLite has some pages of its log already: the first few writes may fit.
    const boots = Array.from({ length: 20 }, (_, index) => `boot-${index + 2}`);
    for (const boot of boots) expect(await ask("8d3fa2c1", boot)).toContain("state=ready");
    await server.step(({ detail }) => detail.includes("could not be written"));
    const refused = await ask("8d3fa2c2", "boot-1");
    expect(refused).toContain("state=refused");
    expect(refused).toContain("Make room");
    rmSync(filler);
    expect(await ask("8d3fa2c2", "boot-1")).toContain("state=ready");
  }, 30_000);

  test("refuses a new session in words when its record cannot be kept", async () => {
    await fill(0);
    // SQLite has some pages of its log already: the first few records may fit.
    let refused = await server.cli("session", "create", "--size", "1M", "--json");
    for (let round = 0; round < 20 && refused.code === 0; round++)
      refused = await server.cli("session", "create", "--size", "1M", "--json");
    expect(refused.code).toBe(1);
    expect(JSON.parse(refused.stderr)).toMatchObject({ error: { code: "no-space" } });
    rmSync(filler);
    expect((await server.cli("session", "create", "--size", "1M")).code).toBe(0);
  }, 30_000);
});
