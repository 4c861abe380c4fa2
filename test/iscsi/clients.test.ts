/** Programs that other people wrote, against a served RAM disk on the loopback. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RamDevice } from "../../src/iscsi-target/testing/ram-device.ts";
import { type Served, TARGET, serve } from "../../src/iscsi-target/testing/serve.ts";
import { describeWith } from "../support/tools.ts";

const MIB = 1024 * 1024;
const SIZE = 64 * MIB;
const LOGIN = {
  user: "pi",
  secret: "0123456789abcdef",
  mutual: { user: "laptop", secret: "fedcba9876543210" },
};

async function run(...command: string[]): Promise<{ code: number; output: string }> {
  const child = Bun.spawn(command, { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [out, error, code] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
    child.exited,
  ]);
  return { code, output: out + error };
}

async function succeed(...command: string[]): Promise<string> {
  const { code, output } = await run(...command);
  if (code !== 0) throw new Error(`${command.join(" ")} ended with ${code}: ${output}`);
  return output;
}

/** A server for each suite; the open one and the one with a login. */
function servers(): { open: () => Served; locked: () => Served } {
  let open: Served;
  let locked: Served;
  beforeAll(async () => {
    open = await serve({ device: new RamDevice(SIZE) });
    locked = await serve({ device: new RamDevice(SIZE), auth: LOGIN });
  });
  afterAll(async () => {
    await open.server.stop();
    await locked.server.stop();
  });
  return { open: () => open, locked: () => locked };
}

const url = ({ port }: Served, login = ""): string => `iscsi://${login}127.0.0.1:${port}/${TARGET}/0`;

describeWith(["iscsi-ls", "iscsi-inq", "iscsi-readcapacity16", "iscsi-perf"], "libiscsi's tools", () => {
  const { open, locked } = servers();

  test("list the target, its portal and its disk", async () => {
    const { port } = open();
    const listed = await succeed("iscsi-ls", "-s", `iscsi://127.0.0.1:${port}`);
    expect(listed).toContain(`Target:${TARGET} Portal:127.0.0.1:${port},1`);
    expect(listed).toContain("Lun:0    Type:DIRECT_ACCESS");
  });

  test("see no locked target without its login, and it with it", async () => {
    const { port } = locked();
    expect((await run("iscsi-ls", `iscsi://127.0.0.1:${port}`)).output).not.toContain(TARGET);
    expect(await succeed("iscsi-ls", `iscsi://pi%${LOGIN.secret}@127.0.0.1:${port}`)).toContain(TARGET);
  });

  test("read who the disk is and how large", async () => {
    expect(await succeed("iscsi-inq", url(open()))).toContain("Product:RAM disk");
    const capacity = await succeed("iscsi-readcapacity16", url(open()));
    expect(capacity).toContain(`Total size:${SIZE}`);
    expect(capacity).toContain("LBPME:1 LBPRZ:1");
  });

  test("get in with the right secret and not with a wrong one", async () => {
    const right = await succeed("iscsi-readcapacity16", url(locked(), `pi%${LOGIN.secret}@`));
    expect(right).toContain(`Total size:${SIZE}`);
    const wrong = await run("iscsi-readcapacity16", url(locked(), "pi%not-the-secret@"));
    expect(wrong.output).toContain("Authentication failure(513)");
    expect((await locked().event("login-failed")).reason).toBe("The CHAP user or secret is wrong.");
  });

  test("have the target prove itself, and leave one that does not know its secret", async () => {
    const mutual = (secret: string): string =>
      `${url(locked(), `pi%${LOGIN.secret}@`)}?target_user=${LOGIN.mutual.user}&target_password=${secret}`;
    const right = await succeed("iscsi-readcapacity16", mutual(LOGIN.mutual.secret));
    expect(right).toContain(`Total size:${SIZE}`);
    const wrong = await run("iscsi-readcapacity16", mutual("not-the-secret"));
    expect(wrong.output).toContain("Invalid CHAP_R response from the target");
  });

  test("follow a target to where it has gone", async () => {
    const moved = await serve({ auth: LOGIN, redirect: { address: "127.0.0.1", port: locked().port } });
    const output = await succeed("iscsi-readcapacity16", url(moved, `pi%${LOGIN.secret}@`));
    expect(output).toContain(`Total size:${SIZE}`);
    await moved.server.stop();
  });

  test("read at full speed without an error", async () => {
    const output = await succeed("iscsi-perf", "-r", "-b", "8", "-m", "32", "-t", "2", url(open()));
    expect(output).toMatch(/iops average [1-9]/);
  });
});

describeWith(["qemu-img", "qemu-io"], "QEMU's iSCSI client", () => {
  const { open, locked } = servers();
  let folder: string;
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "iscsi-clients-"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  test("writes a whole image, and the disk is that image", async () => {
    const image = join(folder, "random.img");
    const bytes = crypto.getRandomValues(new Uint8Array(65_536));
    const whole = Buffer.concat(Array.from({ length: SIZE / bytes.length }, () => bytes));
    whole.fill(0, 10 * MIB, 20 * MIB);
    await Bun.write(image, whole);
    await succeed("qemu-img", "convert", "-n", "-f", "raw", "-O", "raw", image, url(open()));
    expect(await succeed("qemu-img", "compare", "-f", "raw", "-F", "raw", image, url(open()))).toContain(
      "Images are identical",
    );
    expect(Buffer.compare(open().device.bytes, whole)).toBe(0);
  });

  test("writes, discards and flushes odd pieces, and reads each back", async () => {
    const commands = [
      "write -P 0x5a 1M 3M",
      "read -P 0x5a 1M 3M",
      "write -P 1 12345 77777",
      "read -P 1 12345 77777",
      "discard 1M 1M",
      "read -P 0 1M 1M",
      "write -z 8M 4M",
      "read -P 0 8M 4M",
      "write -f -P 7 30M 64k",
      "flush",
    ];
    const words = commands.flatMap((command) => ["-c", command]);
    const output = await succeed("qemu-io", "-f", "raw", ...words, url(open()));
    expect(output).not.toMatch(/fail|error/i);
    expect(open().device.flushes).toBeGreaterThan(0);
    expect(open().device.bytes[30 * MIB]).toBe(7);
  });

  test("sees the zeros of the disk as holes in its map", async () => {
    open().device.bytes.fill(0);
    open().device.bytes.fill(1, 32 * MIB, 33 * MIB);
    const map: unknown = JSON.parse(
      await succeed("qemu-img", "map", "--output=json", "-f", "raw", url(open())),
    );
    expect(map).toMatchObject([
      { start: 0, length: 32 * MIB, zero: true },
      { start: 32 * MIB, length: MIB, data: true },
      { start: 33 * MIB, length: 31 * MIB, zero: true },
    ]);
  });

  test("logs in by CHAP with its secret object, and not without", async () => {
    const options = [
      "driver=iscsi",
      "transport=tcp",
      `portal=127.0.0.1:${locked().port}`,
      `target=${TARGET}`,
      "lun=0",
      "user=pi",
      "password-secret=s",
    ].join(",");
    const write = (secret: string): ReturnType<typeof run> =>
      run(
        "qemu-io",
        "--object",
        `secret,id=s,data=${secret}`,
        "--image-opts",
        options,
        "-c",
        "write -P 9 0 1M",
      );
    expect((await write(LOGIN.secret)).output).toContain("wrote 1048576/1048576");
    expect(locked().device.bytes[1000]).toBe(9);
    expect((await write("wrong-wrong-wrong")).output).toContain("Authentication failure");
  });
});
