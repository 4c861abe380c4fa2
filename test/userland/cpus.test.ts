import { afterEach, beforeEach, expect, test } from "bun:test";
import { describeWith } from "../support/tools.ts";
import { ShimShell } from "./shim-shell.ts";

const ONLINE = "235";

describeWith(["busybox"], "the CPUs beside the one that booted", () => {
  let shell: ShimShell;
  beforeEach(() => {
    shell = new ShimShell();
  });
  afterEach(() => shell.dispose());

  const cpu = (number: number, files: Record<string, string>): void => {
    for (const [name, text] of Object.entries(files))
      shell.write(`sys/devices/system/cpu/cpu${number}/${name}`, text);
  };
  const read = (number: number, name: string): string =>
    shell.run(`cat "$SYS/devices/system/cpu/cpu${number}/${name}"`).text;

  test("are started by the state of the one that runs, where the kernel cannot stop one (Pi 3 and 4)", () => {
    cpu(0, { "hotplug/target": ONLINE, "hotplug/state": ONLINE });
    for (const number of [1, 2, 3]) cpu(number, { "hotplug/target": "0", "hotplug/state": "0" });
    const { said } = shell.run("cpus_bring_up");
    for (const number of [1, 2, 3]) expect(read(number, "hotplug/target")).toBe(ONLINE);
    expect(said).toContain("cpu1, cpu2, cpu3 did not start - going on without");
  });

  test("are started by their switch where there is one (Pi 5)", () => {
    cpu(0, { "hotplug/target": ONLINE, "hotplug/state": ONLINE });
    cpu(1, { "hotplug/target": "0", "hotplug/state": "0", online: "0" });
    shell.run("cpus_bring_up");
    expect(read(1, "online")).toBe("1");
    expect(read(1, "hotplug/target")).toBe("0");
  });

  test("are left alone when they run, and nothing is said", () => {
    for (const number of [0, 1])
      cpu(number, { "hotplug/target": ONLINE, "hotplug/state": ONLINE, online: "1\n" });
    expect(shell.run("cpus_bring_up").said).toBe("");
    expect(read(1, "online")).toBe("1\n");
  });
});
