/** config.txt: what the firmware of each board is told, every line with its reason. */

export interface ConfigRow {
  /** Section filter of the firmware; "all" takes a filter back. */
  readonly section: "all" | "pi02" | "pi2" | "pi3" | "pi4" | "pi5";
  readonly line: string;
  /** Written above the line as a comment. */
  readonly why: string;
}

export const CONFIG_ROWS = [
  { section: "all", line: "arm_64bit=1", why: "Pi 3 starts kernels in 32-bit mode otherwise" },
  { section: "all", line: "kernel=Image.gz", why: "one name for all boards; the firmware unpacks gzip" },
  {
    section: "all",
    line: "upstream_kernel=1",
    why: "a mainline kernel: mainline names of device trees come first",
  },
  {
    section: "all",
    line: "os_check=0",
    why: "Pi 5 refuses kernels whose tree does not name its own kernel's version",
  },
  {
    section: "all",
    line: "enable_uart=1",
    why: "console on the serial pins, at a core clock that does not change its speed",
  },
  {
    section: "pi3",
    line: "dtoverlay=disable-bt",
    why: "the full UART to the serial pins; the kernel has no Bluetooth",
  },
  {
    section: "pi3",
    line: "dtoverlay=screen",
    why: "the firmware's framebuffer for the kernel: HDMI shows the boot screen",
  },
  {
    section: "pi02",
    line: "dtoverlay=disable-bt",
    why: "as on Pi 3; the Zero 2 W is none for these filters",
  },
  { section: "pi02", line: "dtoverlay=screen", why: "as on Pi 3" },
  { section: "pi2", line: "dtoverlay=screen", why: "as on Pi 3, for the 2B with its chip" },
  { section: "pi4", line: "dtoverlay=disable-bt", why: "as on Pi 3; also Pi 400 and CM4" },
  { section: "pi4", line: "dtoverlay=screen", why: "as on Pi 3" },
  {
    section: "pi5",
    line: "cmdline=cmdline-pi5.txt",
    why: "the same words, but for the name of its serial port; also Pi 500",
  },
  { section: "pi5", line: "dtoverlay=screen-pi5", why: "as on Pi 3" },
] as const satisfies readonly ConfigRow[];

/**
 * What mode usb needs besides. The trees of Pi 4B and 400 have their USB-C port as a device anyway, with buffers that
 * are too small for all endpoints; that of the CM4 has it as a host.
 */
export const USB_DEVICE_ROWS = [
  {
    section: "pi02",
    line: "dtoverlay=dwc2,dr_mode=peripheral",
    why: "the USB data port is a disk for the computer there, whichever cable it is",
  },
  {
    section: "pi4",
    line: "dtoverlay=dwc2,dr_mode=peripheral",
    why: "the USB-C port is a disk for the computer there; also Pi 400 and CM4",
  },
  {
    section: "pi5",
    line: "dtoverlay=dwc2-pi5",
    why: "the same port, which mainline's tree does not have; also Pi 500",
  },
] as const satisfies readonly ConfigRow[];

/** config.txt for every board at once: sections of the firmware tell them apart. */
export function renderConfigTxt({ usbDevice = false } = {}): string {
  const lines: string[] = ["# Written by pinetboot."];
  let section: ConfigRow["section"] = "all";
  for (const row of usbDevice ? [...CONFIG_ROWS, ...USB_DEVICE_ROWS] : CONFIG_ROWS) {
    if (row.section !== section) lines.push("", `[${row.section}]`);
    section = row.section;
    lines.push(`# ${row.why}`, row.line);
  }
  if (section !== "all") lines.push("", "[all]");
  return `${lines.join("\n")}\n`;
}
