import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, readFileSync } from "node:fs";
import { describeWith } from "../support/tools.ts";
import { ShimShell } from "./shim-shell.ts";

const GADGET = "sys/kernel/config/usb_gadget/pinetboot";
const LUN = `${GADGET}/functions/mass_storage.disk/lun.0`;
const UDC = "sys/class/udc/fe980000.usb";
const MB = 1_000_000;

describeWith(["busybox"], "mode usb", () => {
  let shell: ShimShell;
  beforeEach(() => {
    shell = new ShimShell();
    shell.write("sys/kernel/config/usb_gadget/.keep", "");
    shell.write("dev/sda", "");
    shell.write("sys/class/block/sda/stat", statOf(0, 0));
    shell.write("sys/class/iscsi_session/session1/state", "LOGGED_IN\n");
    for (const name of ["dirty_expire_centisecs", "dirty_writeback_centisecs", "dirty_bytes"])
      shell.write(`proc/sys/vm/${name}`, "");
    shell.write("state/values/endpoint/image", "raspios lite");
  });
  afterEach(() => shell.dispose());

  const HEAD =
    "DISK=sda SESSION=session1 SERIAL=10000000ddb41a0c MAC=dc:a6:32:b4:1a:0c MODEL='Raspberry Pi 4 Model B'";
  const run = (script: string): ReturnType<ShimShell["run"]> => shell.run(`${HEAD}\n${script}`);
  /** What is under way when the disk is offered: the looks are the test's own. */
  const offered = (looks = ""): ReturnType<ShimShell["run"]> => {
    shell.write(`${UDC}/state`, "not attached\n");
    return run(`usb_watch() { usb_state= usb_ejected= usb_away=0 usb_ticks=0; ${looks}\n}; usb_mode`);
  };
  const file = (name: string): string => readFileSync(shell.path(name), "utf8");

  test("offers the whole disk, writable, under the image's name and the Pi's serial number", () => {
    offered();
    expect(file(`${LUN}/file`)).toBe(`${shell.path("dev/sda")}\n`);
    expect(file(`${LUN}/ro`)).toBe("0\n");
    expect(file(`${LUN}/removable`)).toBe("1\n");
    expect(file(`${LUN}/nofua`)).toBe("0\n");
    expect(file(`${LUN}/inquiry_string`)).toBe("Netboot raspios lite    1.00");
    expect(file(`${GADGET}/strings/0x409/serialnumber`)).toBe("10000000DDB41A0C\n");
    expect(file(`${GADGET}/strings/0x409/product`)).toBe("raspios lite\n");
    expect(file(`${GADGET}/UDC`)).toBe("fe980000.usb\n");
    expect(existsSync(shell.path(`${GADGET}/configs/c.1/mass_storage.disk`))).toBe(true);
  });

  test("is read-only when usb.readonly says so, whoever says it", () => {
    shell.write("state/values/cmdline/usb.readonly", "1");
    offered();
    expect(file(`${LUN}/ro`)).toBe("1\n");
  });

  test("has the target's last word for a name when no server of ours tells one, and the MAC without a serial number", () => {
    shell.run("values_clear endpoint");
    shell.write("state/values/dhcp/iscsi.target", "iqn.2024-01.local:pi4-root\u00e4\n");
    shell.write(`${UDC}/state`, "not attached\n");
    run("usb_watch() { :; }; SERIAL=; usb_mode");
    expect(file(`${GADGET}/strings/0x409/product`)).toBe("pi4-root\n");
    expect(file(`${GADGET}/strings/0x409/serialnumber`)).toBe("DCA632B41A0C\n");
  });

  test("lets no write of the computer's lie in this Pi's memory for long", () => {
    offered();
    expect(file("proc/sys/vm/dirty_expire_centisecs")).toBe("10\n");
    expect(Number(file("proc/sys/vm/dirty_bytes"))).toBeLessThanOrEqual(4 * 2 ** 20);
  });

  test.each([
    ["Raspberry Pi 3 Model B Plus Rev 1.3", "of Pi 3B and 3B+ none can; choose mode pivot or kexec"],
    ["Raspberry Pi Compute Module 4 Rev 1.0", "config.txt needs dtoverlay=dwc2,dr_mode=peripheral"],
    ["Raspberry Pi Zero 2 W Rev 1.0", "the USB data port, and config.txt needs dtoverlay=dwc2"],
  ])("without a port for it, a %s is told what to do in one line", (model, advice) => {
    const { said, exitCode } = run(`MODEL='${model}'; usb_mode`);
    expect(said).toContain("stage=handover state=fail this Pi has no USB port that can be a disk - ");
    expect(said).toContain(advice);
    expect(exitCode).not.toBe(0);
  });

  test("says what the computer does: nothing yet, working with megabytes, asleep", () => {
    shell.write("sys/class/block/sda/stat", statOf(3 * MB, 1.5 * MB));
    const { said } = offered(`
      usb_look
      echo configured >"$SYS/class/udc/fe980000.usb/state"; usb_look; usb_look
      echo suspended >"$SYS/class/udc/fe980000.usb/state"; usb_look`);
    expect(said.split("\n").filter((line) => !line.includes("state=start"))).toEqual([
      "[pinetboot] stage=handover state=progress raspios lite waits at the USB port - connect a computer there",
      "[pinetboot] stage=handover state=ok raspios lite is a USB disk of the computer at the USB port; 3.0 MB read, 1.5 MB written",
      "[pinetboot] stage=handover state=progress the computer at the USB port sleeps, or its cable is out",
      "",
    ]);
  });

  test("an ejected disk is written out, said to be free, and back when the port is connected anew", () => {
    shell.program("dd", `echo "$*" >>'${shell.path("flushed")}'`);
    const { said } = offered(`
      echo configured >"$SYS/class/udc/fe980000.usb/state"; usb_look
      : >"$GADGET_LUN/file"; usb_look; usb_look
      cat "$GADGET_LUN/file" >"$STATE/while-ejected"
      echo 'not attached' >"$SYS/class/udc/fe980000.usb/state"; usb_look
      echo configured >"$SYS/class/udc/fe980000.usb/state"; usb_look; usb_look`);
    expect(file("flushed")).toBe(`if=/dev/null of=${shell.path("dev/sda")} conv=notrunc,fsync\n`);
    expect(file("state/while-ejected")).toBe("");
    expect(said).toContain("raspios lite was ejected; 0.0 MB read, 0.0 MB written - it may be unplugged");
    expect(file(`${LUN}/file`)).toBe(`${shell.path("dev/sda")}\n`);
    expect(said.trim().split("\n").at(-1)).toContain("state=ok raspios lite is a USB disk");
  });

  test("a server that is away is said, and a short pause leaves the port alone", () => {
    const { said } = offered(`
      echo FAILED >"$SYS/class/iscsi_session/session1/state"; usb_look; usb_look; usb_look
      : >"$GADGET/UDC"
      echo LOGGED_IN >"$SYS/class/iscsi_session/session1/state"; usb_look`);
    expect(said).toContain("the server is away: the computer at the USB port waits for its disk");
    expect(said.trim().split("\n").slice(-2)).toEqual([
      "[pinetboot] stage=handover state=progress the server is back after 3 s",
      "[pinetboot] stage=handover state=progress raspios lite waits at the USB port - connect a computer there",
    ]);
    expect(file(`${GADGET}/UDC`)).toBe("");
  });

  test("after a pause that a computer does not wait for, the disk is plugged in anew", () => {
    offered(`
      echo FAILED >"$SYS/class/iscsi_session/session1/state"
      while [ "$usb_away" -lt 31 ]; do usb_look; done
      : >"$GADGET/UDC"
      echo LOGGED_IN >"$SYS/class/iscsi_session/session1/state"; usb_look`);
    expect(file(`${GADGET}/UDC`)).toBe("fe980000.usb\n");
  });

  test("a controller that refuses is said with its words", () => {
    shell.program("ln", "echo 'ln: No such device' >&2; exit 1");
    const { said, exitCode } = offered();
    expect(said).toContain("sda cannot be offered at the USB port: ln: No such device");
    expect(exitCode).not.toBe(0);
  });
});

/** /sys/class/block/sda/stat after so many bytes. */
function statOf(readBytes: number, writtenBytes: number): string {
  return `  10  0  ${readBytes / 512}  5  4  0  ${writtenBytes / 512}  3  0  8  8\n`;
}
