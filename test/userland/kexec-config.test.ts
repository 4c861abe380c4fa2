import { afterEach, beforeEach, expect, test } from "bun:test";
import { describeWith } from "../support/tools.ts";
import { ShimShell } from "./shim-shell.ts";

/** Revision codes of new style: the board type is in bits 4 to 11. */
const BOARDS = {
  pi3: { revision: "00a02082", compatible: "raspberrypi,3-model-b" },
  pi3plus: { revision: "00a020d3", compatible: "raspberrypi,3-model-b-plus" },
  zero2w: { revision: "00902120", compatible: "raspberrypi,model-zero-2-w" },
  pi4: { revision: "00c03114", compatible: "raspberrypi,4-model-b" },
  pi400: { revision: "00c03130", compatible: "raspberrypi,400" },
  cm4: { revision: "00b03140", compatible: "raspberrypi,4-compute-module" },
  pi5: { revision: "00d04170", compatible: "raspberrypi,5-model-b" },
} as const;
type Board = keyof typeof BOARDS;

const RASPBERRY_PI_OS = `# For more options and information see
# http://rptl.io/configtxt

# Uncomment some or all of these to enable the optional hardware interfaces
#dtparam=i2c_arm=on

# Enable audio (loads snd_bcm2835)
dtparam=audio=on

camera_auto_detect=1
display_auto_detect=1
auto_initramfs=1

# Enable DRM VC4 V3D driver
dtoverlay=vc4-kms-v3d
max_framebuffers=2
disable_fw_kms_setup=1
arm_64bit=1
disable_overscan=1
arm_boost=1

[cm4]
otg_mode=1

[cm5]
dtoverlay=dwc2,dr_mode=host

[all]
enable_uart=1
`;

describeWith(["busybox"], "what the shim reads in an image's config.txt", () => {
  let shell: ShimShell;
  beforeEach(() => {
    shell = new ShimShell();
  });
  afterEach(() => shell.dispose());

  const onBoard = (board: Board): void => {
    shell.write("proc/device-tree/compatible", `${BOARDS[board].compatible}\0brcm,bcm2837\0`);
    shell.write("proc/device-tree/system/linux,revision", Buffer.from(BOARDS[board].revision, "hex"));
  };
  const boot = (files: Readonly<Record<string, string>>): void => {
    for (const [name, content] of Object.entries(files)) shell.write(`bootfs/${name}`, content);
  };
  const read = (script: string, serial = "10000000abcdef01"): string => {
    const setup = `BOOT='${shell.path("bootfs")}' SERIAL=${serial}; mkdir -p "$STATE/kexec"; config_read`;
    const { text, errors } = shell.run(`${setup}\n${script}`);
    expect(errors).toBe("");
    return text.replaceAll(`${shell.path("bootfs")}/`, "");
  };
  const steps = (serial?: string): string[] =>
    read('cat "$STATE/kexec/steps"', serial).split("\n").filter(Boolean);

  test("Raspberry Pi OS: kernel8.img, its initramfs, its tree, overlays and parameters in their order", () => {
    onBoard("pi4");
    boot({
      "config.txt": RASPBERRY_PI_OS,
      "kernel8.img": "k",
      "kernel_2712.img": "k",
      initramfs8: "i",
      initramfs_2712: "i",
      "bcm2711-rpi-4-b.dtb": "t",
    });
    expect(read('kernel=$(config_kernel); echo "$kernel"; config_initramfs "$kernel"; config_tree')).toBe(
      "kernel8.img\ninitramfs8\nbcm2711-rpi-4-b.dtb",
    );
    expect(steps()).toEqual(["param audio=on", "overlay vc4-kms-v3d"]);
    expect(read("value_get config enable_uart")).toBe("1");
  });

  test("a Pi 5 takes its own kernel and initramfs, or those for all where it has none", () => {
    onBoard("pi5");
    boot({ "config.txt": RASPBERRY_PI_OS, "kernel8.img": "k", initramfs8: "i" });
    expect(read('config_initramfs "$(config_kernel)"')).toBe("initramfs8\n");
    boot({ "kernel_2712.img": "k", initramfs_2712: "i" });
    expect(read('config_kernel; config_initramfs "$(config_kernel)"')).toBe(
      "kernel_2712.imginitramfs_2712\n",
    );
  });

  test("Debian's image: a kernel and an initramfs by name, mainline's tree before Raspberry Pi's", () => {
    onBoard("pi3");
    boot({
      "config.txt": `# Do not edit!
arm_64bit=1
enable_uart=1
upstream_kernel=1

kernel=vmlinuz-6.1.0-50-arm64
# For details on the initramfs directive, see
initramfs initrd.img-6.1.0-50-arm64
`,
      "vmlinuz-6.1.0-50-arm64": "k",
      "initrd.img-6.1.0-50-arm64": "i",
      "bcm2710-rpi-3-b.dtb": "t",
      "bcm2837-rpi-3-b.dtb": "t",
    });
    expect(read('kernel=$(config_kernel); echo "$kernel"; config_initramfs "$kernel"; config_tree')).toBe(
      "vmlinuz-6.1.0-50-arm64\ninitrd.img-6.1.0-50-arm64\nbcm2837-rpi-3-b.dtb",
    );
  });

  test("Ubuntu's image: everything behind os_prefix, overlays too when a README is beside them", () => {
    onBoard("pi4");
    boot({
      "config.txt": `[all]
arm_64bit=1
kernel=vmlinuz
cmdline=cmdline.txt
initramfs initrd.img followkernel
os_prefix=current/

[tryboot]
os_prefix=new/

[all]
dtparam=i2c_arm=on
`,
      "current/vmlinuz": "k",
      "current/initrd.img": "i",
      "current/cmdline.txt": "root=LABEL=writable  rootwait\n",
      "current/bcm2711-rpi-4-b.dtb": "t",
      "current/overlays/README": "r",
      "new/vmlinuz": "k",
    });
    expect(
      read(
        'kernel=$(config_kernel); echo "$kernel"; config_initramfs "$kernel"; config_cmdline; config_overlays',
      ),
    ).toBe("current/vmlinuz\ncurrent/initrd.img\nroot=LABEL=writable rootwait current/overlays/");
  });

  test("os_prefix is ignored when no kernel and tree are behind it, and an absolute name has none", () => {
    onBoard("pi4");
    boot({
      "config.txt": "os_prefix=old/\nkernel=vmlinuz\nramfsfile=/a.gz,b.gz\n",
      "old/vmlinuz": "k",
      vmlinuz: "k",
      "a.gz": "a",
      "b.gz": "b",
    });
    expect(read('kernel=$(config_kernel); echo "$kernel"; config_initramfs "$kernel"')).toBe(
      "vmlinuz\na.gz\nb.gz\n",
    );
  });

  test("Alpine's image: an included file, folders, and sections for single models", () => {
    const files = {
      "config.txt": `[pi02]
kernel=boot/vmlinuz-rpi
initramfs boot/initramfs-rpi
[pi3]
kernel=boot/vmlinuz-rpi
initramfs boot/initramfs-rpi
[pi4]
kernel=boot/vmlinuz-rpi4
initramfs boot/initramfs-rpi4
[all]
include usercfg.txt
`,
      "usercfg.txt": "dtoverlay=disable-wifi\r\ninclude usercfg.txt\r\n",
      "boot/vmlinuz-rpi": "k",
      "boot/vmlinuz-rpi4": "k",
    };
    boot(files);
    onBoard("zero2w");
    expect(read("config_kernel")).toBe("boot/vmlinuz-rpi");
    onBoard("pi400");
    expect(read("config_kernel")).toBe("boot/vmlinuz-rpi4");
    expect(steps()).toEqual(["overlay disable-wifi"]);
  });

  test.each([
    ["pi3", ["param all", "param pi3", "param board08"]],
    ["pi3plus", ["param all", "param pi3", "param pi3+"]],
    ["zero2w", ["param all", "param pi02"]],
    ["pi4", ["param all", "param pi4", "param this4", "param board11"]],
    ["pi400", ["param all", "param pi4", "param this4", "param pi400"]],
    ["cm4", ["param all", "param pi4", "param this4"]],
    ["pi5", ["param all", "param pi5"]],
  ] as const)("the filters that a %s sees", (board, expected) => {
    onBoard(board);
    boot({
      "config.txt": `dtparam=all
[pi3]
dtparam=pi3
[pi3+]
dtparam=pi3+
[pi02]
dtparam=pi02
[pi4]
dtparam=pi4
[0xabcdef01]
dtparam=this4
[0x12345678]
dtparam=another
[all]
[pi400]
dtparam=pi400
[pi5]
dtparam=pi5
[board-type=0x11]
dtparam=board11
[board-type=0x8]
dtparam=board08
[none]
dtparam=nobody
[EDID=VSC-TD2220]
dtparam=screen
`,
    });
    expect(steps()).toEqual([...expected]);
  });

  test("the revision of the firmware tells what the tree's name does not; without one the name counts", () => {
    shell.write("proc/device-tree/compatible", "raspberrypi,4-compute-module\0brcm,bcm2711\0");
    expect(read("board_field 3")).toBe("pi4 cm4");
    shell.write("proc/device-tree/system/linux,revision", Buffer.from("00b03150", "hex"));
    expect(read("board_field 3")).toBe("pi4 cm4s");
  });

  test("a machine that is no Raspberry Pi sees what holds for all and has no tree", () => {
    shell.write("proc/device-tree/compatible", "linux,dummy-virt\0");
    boot({
      "config.txt": "[pi4]\nkernel=a\n[all]\ndtparam=x\n",
      "kernel8.img": "k",
      "bcm2711-rpi-4-b.dtb": "t",
    });
    expect(read("config_kernel; config_tree || echo none")).toBe("kernel8.imgnone\n");
    expect(steps()).toEqual(["param x"]);
  });

  test("no config.txt at all is the firmware's own choice", () => {
    onBoard("pi4");
    boot({ "kernel8.img": "k" });
    expect(read("config_kernel; config_cmdline || echo none")).toBe("kernel8.imgnone\n");
  });

  test("a filter that only the firmware can answer is said", () => {
    onBoard("pi4");
    boot({ "config.txt": "[gpio4=1]\nkernel=rescue.img\n" });
    shell.run(`BOOT='${shell.path("bootfs")}'; mkdir -p "$STATE/kexec"; config_read`);
    const { said } = shell.run(`BOOT='${shell.path("bootfs")}'; mkdir -p "$STATE/kexec"; config_read`);
    expect(said).toContain("config.txt's [gpio4=1] can be answered by the firmware alone");
  });
});
