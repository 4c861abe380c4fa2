/** How the module pack is had and laid over the root; programs that mount only say what they were told. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdirSync } from "node:fs";
import { describeWith } from "../support/tools.ts";
import { ShimShell } from "./shim-shell.ts";

const RELEASE = "7.3.4-pinetboot";
const PACK = `modules-${RELEASE}-0a1b2c3d.sqfs`;

describeWith(["busybox"], "the module pack", () => {
  let shell: ShimShell;
  beforeEach(() => {
    shell = new ShimShell();
    for (const name of ["mount", "umount"])
      shell.program(name, `echo "${name} $*" | sed 's|${shell.dir}||g' >>'${shell.path("done")}'`);
    shell.program("uname", `echo ${RELEASE}`);
    shell.program("wget", `echo "wget $*" | sed 's|${shell.dir}||g' >>'${shell.path("done")}'`);
    shell.program("tftp", `echo "tftp $*" | sed 's|${shell.dir}||g' >>'${shell.path("done")}'`);
    shell.write("done", "");
    shell.write("lib/module-pack", `${RELEASE} ${PACK}\n`);
    shell.write("proc/meminfo", "MemTotal:         800000 kB\n");
    shell.write("root/lib/modules/6.12.20-rpi/modules.dep", "");
  });
  afterEach(() => shell.dispose());

  /** What was done, in order, and what was said. */
  const lay = (script = ""): { done: string[]; said: string; exitCode: number } => {
    const { said, text, exitCode } = shell.run(
      `${script}\nmodule_pack_lay; laid=$?; cat '${shell.path("done")}'; exit $laid`,
    );
    return { done: text.trimEnd().split("\n"), said: said.replaceAll(shell.dir, ""), exitCode };
  };
  const covered = [
    "mount -t tmpfs -o mode=0755,size=256k tmpfs /keep/modules/cover",
    "mount --bind /root/lib/modules/6.12.20-rpi /keep/modules/cover/6.12.20-rpi",
    "mount -o remount,bind,rw /keep/modules/cover/6.12.20-rpi",
    `mount -t squashfs -o ro,loop /keep/modules/pack /keep/modules/cover/${RELEASE}`,
    "mount -o remount,ro /keep/modules/cover",
    "mount --move /keep/modules/cover /root/lib/modules",
  ];

  test("comes from the boot endpoint into memory, and covers /lib/modules with all that was in it", () => {
    const { done, said } = lay("SERVER=10.0.0.1:8069");
    expect(done).toEqual([
      "mount -t tmpfs -o mode=0700,noswap,size=100000k tmpfs /keep/modules",
      `wget -q -T 20 -O /keep/modules/pack http://10.0.0.1:8069/v1/modules/${PACK}`,
      ...covered,
    ]);
    expect(said).toContain("modules of Linux 7.3.4-pinetboot lie over /lib/modules, from 10.0.0.1:8069");
  });

  test("finds /lib/modules behind the link of a merged /usr", () => {
    shell.run(`rm -r '${shell.path("root/lib")}'`);
    shell.write("root/usr/lib/modules/6.12.20-rpi/modules.dep", "");
    shell.link("root/lib", "usr/lib");
    expect(lay("SERVER=10.0.0.1:8069").done.at(-1)).toBe(
      "mount --move /keep/modules/cover /root/usr/lib/modules",
    );
  });

  test("keeps links among the root's modules as they are", () => {
    shell.link("root/lib/modules/current", "6.12.20-rpi");
    lay("SERVER=10.0.0.1:8069");
    expect(shell.run(`readlink '${shell.path("keep/modules/cover/current")}'`).text).toBe("6.12.20-rpi\n");
  });

  test("goes into the root's own folder for this kernel where there is one", () => {
    mkdirSync(shell.path(`root/lib/modules/${RELEASE}`));
    expect(lay("SERVER=10.0.0.1:8069").done.at(-1)).toBe(
      `mount -t squashfs -o ro,loop /keep/modules/pack /root/lib/modules/${RELEASE}`,
    );
  });

  test("comes by TFTP from the next server where no boot endpoint is known, this Pi's folder first", () => {
    shell.write("keep/lease/siaddr", "10.0.0.9");
    shell.program(
      "tftp",
      `echo "tftp $*" | sed 's|${shell.dir}||g' >>'${shell.path("done")}'
       case "$*" in *" -r ddb41a0c/"*) echo 'tftp: server error: (1) File not found' >&2; exit 1 ;; esac`,
    );
    const { done, said } = lay("SERIAL=00000000ddb41a0c");
    expect(done.slice(1)).toEqual([
      `tftp -g -b 1428 -l /keep/modules/pack -r ddb41a0c/${PACK} 10.0.0.9`,
      `tftp -g -b 1428 -l /keep/modules/pack -r ${PACK} 10.0.0.9`,
      ...covered,
    ]);
    expect(said).toContain("from 10.0.0.9");
  });

  test("asks the server of option 66, or of the command line, when there is no next server", () => {
    shell.write("keep/lease/siaddr", "0.0.0.0");
    shell.write("keep/lease/tftp", "10.0.0.8");
    expect(lay().said).toContain("from 10.0.0.8");
    expect(lay("value_put cmdline pinetboot.modules 10.0.0.7; SERVER=10.0.0.1:8069").said).toContain(
      "from 10.0.0.7",
    );
  });

  test.each([
    ["nobody has it", "SERVER=", "no modules-7.3.4-pinetboot-0a1b2c3d.sqfs (DHCP named no TFTP server)"],
    [
      "the server has another",
      "SERVER=10.0.0.1:8069",
      "from 10.0.0.1:8069 (wget: server returned error: 404)",
    ],
  ])("is said to be missing when %s, in one line, and the boot goes on", (_why, script, words) => {
    shell.program("wget", "echo 'wget: server returned error: 404' >&2; exit 1");
    const { done, said, exitCode } = lay(script);
    expect(said).toContain(words);
    expect(said).toContain("the root has only what is built into this kernel");
    expect(said.trimEnd().split("\n")).toHaveLength(1);
    expect(done.at(-1)).toBe("umount /keep/modules");
    expect(exitCode).toBe(0);
  });

  test("that the server is still building is told as that", () => {
    shell.program("wget", "echo 'wget: server returned error: HTTP/1.1 503 Service Unavailable' >&2; exit 1");
    const { said, exitCode } = lay("SERVER=10.0.0.1:8069");
    expect(said).toContain("the server is still building the module pack: the root has only what is built");
    expect(said).toContain("restart this Pi when it has been built");
    expect(exitCode).toBe(0);
  });

  test("that does not fit into the memory is left out, with words", () => {
    shell.program("wget", "echo 'wget: write error: No space left on device' >&2; exit 1");
    expect(lay("SERVER=10.0.0.1:8069").said).toContain(
      "too big for this Pi's memory (100000 KB are allowed)",
    );
  });

  test("that is damaged is given up, and /lib/modules is as it was", () => {
    shell.program(
      "mount",
      `echo "mount $*" | sed 's|${shell.dir}||g' >>'${shell.path("done")}'
       case "$*" in *squashfs*) echo 'mount: mounting failed: Invalid argument' >&2; exit 1 ;; esac`,
    );
    const { done, said } = lay("SERVER=10.0.0.1:8069");
    expect(said).toContain("cannot be mounted: mount: mounting failed: Invalid argument");
    expect(done.filter((line) => line.includes("--move"))).toEqual([]);
    expect(done.slice(-4)).toEqual([
      "umount /keep/modules/cover/6.12.20-rpi",
      `umount /keep/modules/cover/${RELEASE}`,
      "umount /keep/modules/cover",
      "umount /keep/modules",
    ]);
  });

  test("has no place in a root without /lib/modules, for another kernel, or where it is not wanted", () => {
    expect(lay('rm -r "$ROOT/lib"').said).toContain("the root has no /lib/modules");
    shell.write("root/lib/modules/x", "");
    shell.write("done", "");
    expect(lay("value_put cmdline pinetboot.modules no")).toEqual({ done: [""], said: "", exitCode: 0 });
    shell.write("lib/module-pack", `6.1.0-other ${PACK}\n`);
    expect(lay().said).toBe("");
  });
});
