/** The doctor on a computer with something wrong: its clock, its room, its battery. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync, statfsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runProgram } from "../support/pinetboot.ts";
import { describeWith } from "../support/tools.ts";
import { DoctorLab } from "./doctor-lab.ts";

const FLAGS = ["--interface", "eth0", "--dhcp", "off"];
const POWER = "/sys/class/power_supply";

describeWith(["root", "gcc", "unshare", POWER], "the doctor of a computer", () => {
  let lab: DoctorLab;
  beforeEach(() => {
    lab = new DoctorLab();
  });
  afterEach(() => lab.dispose());

  test("whose clock is of long ago, and whose disk is nearly full, says both", async () => {
    const library = join(lab.folder.path, "past-clock.so");
    const source = join(import.meta.dir, "past-clock.c");
    const compiled = await runProgram(["gcc", "-shared", "-fPIC", "-Wall", "-Wextra", "-o", library, source]);
    expect(compiled).toMatchObject({ code: 0, stderr: "" });
    mkdirSync(lab.data);
    expect((await runProgram(["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", lab.data])).code).toBe(0);
    try {
      const server = await lab.serve(FLAGS, { env: { LD_PRELOAD: library } });
      expect((await lab.examine()).wrong).not.toContain("space problem");
      const { bavail, bsize } = statfsSync(lab.data);
      await Bun.write(join(lab.data, "filler"), new Uint8Array(bavail * bsize - 2 ** 20));
      const { wrong, words } = await lab.examine();
      expect(wrong).toEqual(expect.arrayContaining(["clock problem", "space problem"]));
      expect(words).toMatch(/The clock says 1970-01-01 .*timedatectl set-time/);
      expect(words).toMatch(/of 64 MiB are free where .*image gc/);
      await server.stop("SIGKILL");
    } finally {
      await runProgram(["umount", lab.data]);
    }
  }, 60_000);

  test("that is about to sleep for want of power says so, and how much is left", async () => {
    const supplies = join(lab.folder.path, "power");
    const battery = join(supplies, "BAT0");
    mkdirSync(battery, { recursive: true });
    const says = (file: string, words: string): void => writeFileSync(join(battery, file), `${words}\n`);
    says("type", "Battery");
    says("status", "Discharging");
    says("capacity", "71");
    const command = `mount --bind '${supplies}' ${POWER} && exec "$@"`;
    await lab.serve(FLAGS, { run: ["unshare", "-m", "sh", "-c", command, "sh"] });
    const half = await lab.examine();
    expect(half.wrong).toContain("power warning");
    expect(half.words).toContain("systemd-inhibit");
    says("capacity", "6");
    const low = await lab.examine();
    expect(low.wrong).toContain("power problem");
    expect(low.words).toContain("6 % are left");
    says("status", "Charging");
    expect((await lab.examine()).wrong).not.toContain("power problem");
  }, 60_000);
});
