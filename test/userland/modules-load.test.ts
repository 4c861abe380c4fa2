import { afterEach, beforeEach, expect, test } from "bun:test";
import { describeWith } from "../support/tools.ts";
import { ShimShell } from "./shim-shell.ts";

describeWith(["busybox"], "modules that the initramfs names", () => {
  let shell: ShimShell;
  beforeEach(() => {
    shell = new ShimShell();
    shell.program(
      "modprobe",
      `echo "$*" >>'${shell.path("loaded")}'; [ "$1" != broken ] || { echo 'modprobe: no such module' >&2; exit 1; }`,
    );
  });
  afterEach(() => shell.dispose());

  const load = (): ReturnType<ShimShell["run"]> =>
    shell.run(`modules_load '${shell.path("conf")}'; cat '${shell.path("loaded")}' 2>/dev/null`);

  test("are loaded in order, with their options, from every file", () => {
    shell.write("conf/10-a.conf", "# a radio\n\nmac80211_hwsim radios=2 channels=1\n; and\nbridge");
    shell.write("conf/20-b.conf", "dummy_hcd\n");
    shell.write("conf/readme", "not_a_module\n");
    expect(load().text).toBe("mac80211_hwsim radios=2 channels=1\nbridge\ndummy_hcd\n");
  });

  test("are none where there is no such folder", () => {
    expect(load()).toMatchObject({ text: "", said: "", errors: "" });
  });

  test("do not stop the boot: one that cannot be loaded is said", () => {
    shell.write("conf/a.conf", "broken\nbridge\n");
    const { text, said } = load();
    expect(text).toBe("broken\nbridge\n");
    expect(said).toContain("the module broken of a.conf was not loaded: modprobe: no such module");
  });
});
