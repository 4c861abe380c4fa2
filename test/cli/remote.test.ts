/** Commands for a server on another computer: by its TCP port, with a key, over a network that comes and goes. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { existsSync, statSync } from "node:fs";
import { createServer, connect, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { z } from "zod";
import { type Finished, runProgram, SOURCE, temporaryFolder, TestServer } from "../support/pinetboot.ts";

const DISK_BYTES = 12 * 2 ** 20;
const DATA_BYTES = 5 * 2 ** 20;
const FLAGS =
  "--interface lo --dhcp off --tftp off --iscsi-port 0 --report-port 0 --http 0.0.0.0:0 --no-shim-build".split(
    " ",
  );

const folder = temporaryFolder("remote");
const image = join(folder.path, "disk.img");
let server: TestServer;
let port: number;
let key: string;

beforeAll(async () => {
  const bytes = new Uint8Array(DISK_BYTES);
  for (let at = 0; at < DATA_BYTES; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536));
  await Bun.write(image, bytes);
  server = await TestServer.start({ data: join(folder.path, "data"), flags: FLAGS });
  port = Number(new URL(server.ready.http ?? "").port);
  ({ key } = await server.json(z.looseObject({ key: z.string() }), "key", "create", "test"));
}, 90_000);
afterAll(async () => {
  await server.stop("SIGKILL");
  folder.dispose();
});

/** Runs a command as on another computer: it has neither the server's folder nor its socket. */
function remote(at: number, ...words: string[]): Promise<Finished> {
  return runProgram([...SOURCE, ...words], {
    env: {
      XDG_DATA_HOME: join(folder.path, "elsewhere"),
      PINETBOOT_SERVER: `127.0.0.1:${at}`,
      PINETBOOT_KEY: key,
    },
  });
}

const sumOf = async (path: string): Promise<string> =>
  createHash("sha256")
    .update(await Bun.file(path).bytes())
    .digest("hex");

/** A network between that breaks each of the first connections after so many bytes towards the one or the other side. */
async function breakingNetwork(
  breaks: number,
  afterBytes: number,
): Promise<Server & { readonly at: number; readonly left: () => number }> {
  let left = breaks;
  const network = createServer((near: Socket) => {
    const far = connect(port, "127.0.0.1");
    const end = (): void => {
      near.destroy();
      far.destroy();
    };
    for (const side of [near, far]) side.on("error", end).on("close", end);
    let passed = 0;
    const pass = (to: Socket) => (bytes: Buffer) => {
      passed += bytes.length;
      if (left > 0 && passed > afterBytes) {
        left -= 1;
        end();
      } else to.write(bytes);
    };
    near.on("data", pass(far));
    far.on("data", pass(near));
  });
  await new Promise<void>((resolve) => void network.listen(0, "127.0.0.1", resolve));
  const address = network.address();
  return Object.assign(network, {
    at: typeof address === "object" ? (address?.port ?? 0) : 0,
    left: () => left,
  });
}

describe("a server on another computer", () => {
  test("takes a file of this one, and gives it back as a file with holes, packed, and through a pipe", async () => {
    const imported = await remote(port, "image", "import", image, "--name", "disk", "--json");
    expect(imported).toMatchObject({ code: 0, stderr: "" });
    expect(JSON.parse(imported.stdout)).toMatchObject({ names: ["disk"], size_bytes: DISK_BYTES });
    const copy = join(folder.path, "copy.img");
    const exported = await remote(port, "image", "export", "disk", copy);
    expect(exported).toMatchObject({ code: 0 });
    expect(await sumOf(copy)).toBe(await sumOf(image));
    expect(statSync(copy).blocks * 512).toBeLessThan(DATA_BYTES + 2 ** 20);
    const again = await remote(port, "image", "export", "disk", copy, "--json");
    expect(again.code).toBe(1);
    expect(JSON.parse(again.stderr)).toMatchObject({ error: { code: "already-exists" } });
    const { id } = JSON.parse((await remote(port, "session", "create", "--image", "disk", "--json")).stdout);
    const packed = join(folder.path, "copy.img.xz");
    expect((await remote(port, "session", "export", id, packed)).code).toBe(0);
    expect((await runProgram(["xz", "-df", packed])).code).toBe(0);
    expect(await sumOf(copy)).toBe(await sumOf(image));
    const command = `${SOURCE.join(" ")} image export disk - | sha256sum`;
    const env = { PINETBOOT_SERVER: `127.0.0.1:${port}`, PINETBOOT_KEY: key };
    expect((await runProgram(["sh", "-c", command], { env })).stdout).toStartWith(await sumOf(image));
    expect(existsSync(join(folder.path, "elsewhere"))).toBe(false);
  }, 90_000);

  test("ends as other programs do when nobody reads on, and gives a terminal no bytes of a disk", async () => {
    const env = { PINETBOOT_SERVER: `127.0.0.1:${port}`, PINETBOOT_KEY: key };
    const exported = `${SOURCE.join(" ")} image export disk -`;
    const cut = await runProgram(["bash", "-c", `${exported} | head -c 1 | wc -c; echo \${PIPESTATUS[0]}`], {
      env,
    });
    expect(cut).toMatchObject({ stdout: "1\n141\n", stderr: "" });
    const terminal = await runProgram(["script", "-qec", exported, "/dev/null"], { env });
    expect(terminal.code).toBe(1);
    expect(terminal.stdout).toMatch(/A terminal cannot take the bytes of a disk.*name a file/);
    expect(terminal.stdout.length).toBeLessThan(300);
  }, 60_000);

  test("says that it wants a key, and that it is not there, each with what to do", async () => {
    const environment = { PINETBOOT_SERVER: `127.0.0.1:${port}`, PINETBOOT_KEY: "" };
    const keyless = await runProgram([...SOURCE, "image", "list", "--json"], { env: environment });
    expect(keyless.code).toBe(1);
    expect(JSON.parse(keyless.stderr)).toMatchObject({
      error: { code: "not-permitted", fix: expect.stringContaining("PINETBOOT_KEY") },
    });
    const wrong = { ...environment, PINETBOOT_KEY: "not-a-key-of-it" };
    const locked = await runProgram([...SOURCE, "image", "list"], { env: wrong });
    expect(locked.code).toBe(1);
    expect(locked.stderr).toMatch(/does not know the key of \$PINETBOOT_KEY.*pinetboot key create/);
    const absent = await remote(1, "image", "list", "--json");
    expect(absent.code).toBe(1);
    expect(JSON.parse(absent.stderr)).toMatchObject({
      error: { code: "unreachable", fix: expect.stringContaining("--http") },
    });
    const qcow2 = await remote(port, "image", "export", "disk", join(folder.path, "disk.qcow2"));
    expect(qcow2.stderr).toContain("qemu-img convert");
  }, 30_000);

  test("an upload and a download go on where a broken connection stopped them", async () => {
    const network = await breakingNetwork(4, 3 * 2 ** 20);
    try {
      const other = join(folder.path, "other.img");
      await Bun.write(other, (await Bun.file(image).bytes()).toReversed());
      const imported = await remote(network.at, "image", "import", other, "--name", "other");
      expect(imported).toMatchObject({ code: 0 });
      const copy = join(folder.path, "other-copy.img");
      expect(await remote(network.at, "image", "export", "other", copy)).toMatchObject({ code: 0 });
      expect(await sumOf(copy)).toBe(await sumOf(other));
      expect(network.left()).toBe(0);
    } finally {
      network.close();
    }
  }, 90_000);
});
