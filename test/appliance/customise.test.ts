/**
 * Customising from the command line to the boot partition: a session is made over an image as Raspberry Pi OS comes, a
 * real initiator logs in, and mtools and fsck.fat look at what it sees. The image itself stays as it is.
 */
import { afterAll, beforeAll, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { YAML } from "bun";
import { z } from "zod";
import {
  CreatedSessionSchema,
  iscsiUrl,
  runProgram,
  temporaryFolder,
  TestServer,
} from "../support/pinetboot.ts";
import { describeWith } from "../support/tools.ts";

setDefaultTimeout(60_000);

const MIB = 2 ** 20;
const BOOT_AT = 4 * MIB;
const BOOT_KIB = 36 * 1024;
const DISK_BYTES = 48 * MIB;
const KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ0ZCP+0D4n2kTmCgqB6dFhBFoYXZ3p0vY8yWlmnQ6Xv ada@laptop";
const SERIAL = "10000000deadbeef";
/** Exactly what the flags below ask for. */
const FLAGS =
  "--hostname kitchen-pi --user ada --wifi IEEE --wifi-country de --locale de_DE --keyboard de --timezone Europe/Berlin".split(
    " ",
  );

const COMMON = {
  "config.txt": "arm_64bit=1\n",
  "cmdline.txt":
    "console=tty1 root=PARTUUID=4e639091-02 rootwait quiet init=/usr/lib/raspberrypi-sys-mods/firstboot\n",
};
/** The files of each release that tell it from the other. */
const RELEASES = {
  trixie: {
    ...COMMON,
    "user-data": "#cloud-config\n# Examples follow.\n#hostname: raspberrypi\n",
    "meta-data": "# Nothing to do here.\ndsmode: local\ninstance_id: rpi-imager\n",
    "network-config": "# Examples follow.\n#network:\n",
  },
  bookworm: { ...COMMON, "issue.txt": "Raspberry Pi reference 2024-11-19\n" },
} as const;

function sh(...command: string[]): Buffer {
  const { exitCode, stdout, stderr } = Bun.spawnSync(command, {
    env: { ...process.env, MTOOLS_SKIP_CHECK: "1" },
  });
  if (exitCode !== 0) throw new Error(`${command.join(" ")}: ${stdout.toString()}${stderr.toString()}`);
  return stdout;
}

/** A disk with an MBR, a FAT boot partition with those files, and a root partition of zeros. */
function makeImage(folder: string, name: keyof typeof RELEASES): string {
  const boot = join(folder, `${name}.fat`);
  sh("/usr/sbin/mkfs.fat", "-C", "-F", "32", "-s", "1", "-n", "bootfs", boot, String(BOOT_KIB));
  for (const [file, text] of Object.entries(RELEASES[name])) {
    writeFileSync(join(folder, file), text);
    sh("mcopy", "-i", boot, join(folder, file), `::${file}`);
  }
  const disk = new Uint8Array(DISK_BYTES);
  const view = new DataView(disk.buffer);
  const partition = (number: number, type: number, at: number, bytes: number): void => {
    const entry = 446 + 16 * number;
    disk[entry + 4] = type;
    view.setUint32(entry + 8, at / 512, true);
    view.setUint32(entry + 12, bytes / 512, true);
  };
  partition(0, 0x0c, BOOT_AT, BOOT_KIB * 1024);
  partition(1, 0x83, BOOT_AT + BOOT_KIB * 1024, 4 * MIB);
  view.setUint16(510, 0xaa55, true);
  disk.set(readFileSync(boot), BOOT_AT);
  const image = join(folder, `${name}.img`);
  writeFileSync(image, disk);
  return image;
}

describeWith(["qemu-img", "mcopy", "/usr/sbin/mkfs.fat", "/usr/sbin/fsck.fat"], "customising", () => {
  const folder = temporaryFolder("customise");
  let server: TestServer;
  let copies = 0;

  beforeAll(async () => {
    server = await TestServer.start({ data: join(folder.path, "data") });
    for (const name of ["trixie", "bookworm"] as const)
      expect((await server.cli("image", "import", makeImage(folder.path, name), "--name", name)).code).toBe(
        0,
      );
  });
  afterAll(async () => {
    await server.stop("SIGKILL");
    folder.dispose();
  });

  const api = (method: string, path: string, body?: object): Promise<Response> =>
    fetch(`${server.ready.http}/api${path}`, {
      method,
      ...(body && { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
    });
  const sessionCount = async (): Promise<number> =>
    z.array(z.unknown()).parse(await (await api("GET", "/sessions")).json()).length;

  /** The boot partition as the session's initiator has it; fsck.fat has nothing to say of it. */
  async function bootOf(url: string): Promise<(name: string) => string | undefined> {
    const disk = join(folder.path, `copy${copies++}.raw`);
    const { code, stderr } = await runProgram(["qemu-img", "convert", "-f", "raw", "-O", "raw", url, disk]);
    expect([code, stderr]).toEqual([0, ""]);
    const boot = `${disk}.fat`;
    writeFileSync(boot, readFileSync(disk).subarray(BOOT_AT, BOOT_AT + BOOT_KIB * 1024));
    sh("/usr/sbin/fsck.fat", "-n", "-V", boot);
    const names = new Set(sh("mdir", "-b", "-i", boot, "::").toString().split("\n"));
    return (name) =>
      names.has(`::/${name}`) ? sh("mcopy", "-i", boot, `::${name}`, "-").toString() : undefined;
  }

  test("a release with cloud-init gets all of it by its files, again after a reset, and the image stays as it is", async () => {
    const password = join(folder.path, "password");
    const keys = join(folder.path, "keys.pub");
    writeFileSync(password, "correct horse\n");
    writeFileSync(keys, `# mine\n${KEY}\n`);
    const before = Bun.hash(readFileSync(join(folder.path, "trixie.img")));
    const session = await server.json(
      CreatedSessionSchema,
      "session",
      "create",
      "--image",
      "trixie",
      ...FLAGS,
      "--password-file",
      password,
      "--ssh-key",
      keys,
      "--wifi-password",
      "password",
    );
    const read = await bootOf(iscsiUrl(session));
    const user = YAML.parse(read("user-data") ?? "");
    expect(user).toMatchObject({
      hostname: "kitchen-pi",
      locale: "de_DE.UTF-8",
      keyboard: { layout: "de" },
      timezone: "Europe/Berlin",
      users: [{ name: "ada", ssh_authorized_keys: [KEY], passwd: expect.stringMatching(/^\$6\$/) }],
    });
    expect(read("user-data")).not.toContain("horse");
    expect(YAML.parse(read("network-config") ?? "")).toMatchObject({
      network: {
        wifis: {
          wlan0: {
            "regulatory-domain": "DE",
            "access-points": {
              IEEE: { password: "f42c6fc52df0ebef9ebb4b90b38a5f902e83fe1b135a70e23aed762e9710a12e" },
            },
          },
        },
      },
    });
    const meta = YAML.parse(read("meta-data") ?? "");
    expect(meta).toEqual({
      dsmode: "local",
      "instance-id": expect.stringMatching(new RegExp(`^pinetboot-${session.id}-`)),
      "local-hostname": "kitchen-pi",
    });
    expect(read("ssh")).toBe("");
    expect(read("cmdline.txt")).toBe(COMMON["cmdline.txt"]);
    expect((await server.cli("session", "reset", session.id)).code).toBe(0);
    const again = await bootOf(iscsiUrl(session));
    expect(again("user-data")).toBe(read("user-data") ?? "");
    expect(again("meta-data")).not.toBe(read("meta-data") ?? "");
    // Another session over the same image sees nothing of it.
    const plain = await bootOf(iscsiUrl(await server.createSession({ image: "trixie" })));
    expect(plain("user-data")).toBe(RELEASES.trixie["user-data"]);
    expect(plain("ssh")).toBeUndefined();
    expect(Bun.hash(readFileSync(join(folder.path, "trixie.img")))).toBe(before);
  });

  test("an older release gets userconf.txt, ssh, and a script that its own command line runs", async () => {
    const hash =
      "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1";
    const customise = {
      user: "ada",
      password_hash: hash,
      ssh_keys: [KEY],
      wifi: { ssid: "IEEE", password: "password", country: "DE" },
    };
    const session = await server.createSession({ image: "bookworm", customise });
    const read = await bootOf(iscsiUrl(session));
    expect(read("userconf.txt")).toBe(`ada:${hash}\n`);
    expect(read("ssh")).toBe("");
    expect(read("firstrun.sh")).toContain(`imager_custom enable_ssh -k '${KEY}'`);
    expect(read("cmdline.txt")).toBe(
      `${COMMON["cmdline.txt"].trimEnd()} systemd.run=/boot/firmware/firstrun.sh systemd.run_success_action=reboot systemd.unit=kernel-command-line.target\n`,
    );
    await server.step(({ detail }) => detail.includes("only when its disk boots by itself"));
  });

  test("Pis without any wish have instances of their own, and one with a wish is asked for it by the API", async () => {
    const meta: unknown[] = [];
    for (const serial of [SERIAL, "10000000cafecafe"]) {
      expect((await api("PUT", `/pis/${serial}/assignment`, { image: "trixie" })).status).toBe(200);
      const parameters = await fetch(
        `http://${server.ready.report}/v1/parameters?serial=${serial}&boot=boot-1`,
      );
      const answer = new Map(
        (await parameters.text())
          .split("\n")
          .map((line) => [line.split("=")[0], line.slice(line.indexOf("=") + 1)]),
      );
      const url = `iscsi://${answer.get("iscsi.username")}%${answer.get("iscsi.password")}@${server.ready.iscsi}/${answer.get("iscsi.target")}/0`;
      const read = await bootOf(url);
      expect(read("user-data")).toBe(RELEASES.trixie["user-data"]);
      meta.push(YAML.parse(read("meta-data") ?? ""));
    }
    expect(meta).toMatchObject([{ "local-hostname": "pi-deadbeef" }, { "local-hostname": "pi-cafecafe" }]);
    const Shown = z.object({ hostname: z.string().nullable(), counts: z.string() });
    const said = await server.json(Shown, "pi", "customise", SERIAL, "--hostname", "living-room");
    expect(said).toEqual({ hostname: "living-room", counts: "after a reset" });
    expect(await (await api("GET", `/pis/${SERIAL}/customise`)).json()).toMatchObject(said);
    expect((await api("DELETE", `/pis/${SERIAL}/customise`)).status).toBe(204);
    expect(await (await api("GET", `/pis/${SERIAL}/customise`)).json()).toMatchObject({ hostname: null });
  });

  test("what cannot be is refused with the reason, and makes no session", async () => {
    const before = await sessionCount();
    for (const [flags, words] of [
      [["--wifi", "home"], "A WiFi without a country"],
      [["--ssh-key", "/does/not/exist"], "/does/not/exist cannot be read"],
    ] as const) {
      const { code, stderr } = await server.cli("session", "create", "--image", "trixie", ...flags);
      expect([code === 0, stderr]).toEqual([false, expect.stringContaining(words)]);
    }
    for (const [customise, words] of [
      [{ user: "root", password: "x" }, '"root" is no name for the user'],
      [{ ssh_keys: [KEY] }, "SSH keys without a user"],
      [{ user: "ada", shell: "/bin/zsh" }, "shell"],
    ] as const) {
      const response = await api("POST", "/sessions", { image: "trixie", customise });
      expect([response.status, await response.text()]).toEqual([
        400,
        expect.stringContaining(JSON.stringify(words).slice(1, -1)),
      ]);
    }
    expect(await sessionCount()).toBe(before);
  });

  test("a disk without a boot partition is served all the same, and that nothing was customised is said", async () => {
    const file = join(folder.path, "data.img");
    writeFileSync(file, new Uint8Array(4 * MIB).fill(7));
    await server.cli("image", "import", file, "--name", "plain");
    const session = await server.createSession({ image: "plain", customise: { hostname: "x" } });
    expect((await runProgram(["qemu-img", "info", "-f", "raw", iscsiUrl(session)])).code).toBe(0);
    await server.step(({ detail }) => detail.includes("nothing was customised"));
  });

  test("a damaged boot partition refuses the login of who asked, with the reason", async () => {
    const file = join(folder.path, "damaged.img");
    const bytes = readFileSync(join(folder.path, "trixie.img"));
    // The root folder's chain leads nowhere.
    for (const fat of [32, 32 + bytes.readUInt32LE(BOOT_AT + 36)])
      bytes.writeUInt32LE(0x0ffffff0, BOOT_AT + fat * 512 + 8);
    writeFileSync(file, bytes);
    await server.cli("image", "import", file, "--name", "damaged");
    const session = await server.createSession({ image: "damaged", customise: { hostname: "x" } });
    expect((await runProgram(["qemu-img", "info", "-f", "raw", iscsiUrl(session)])).code).not.toBe(0);
    await server.step(({ detail }) => detail.includes("a chain of clusters leads to"));
    expect((await server.cli("session", "customise", session.id, "--clear")).code).toBe(0);
    expect((await runProgram(["qemu-img", "info", "-f", "raw", iscsiUrl(session)])).code).toBe(0);
  });
});
