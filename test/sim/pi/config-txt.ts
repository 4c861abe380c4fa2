/**
 * The firmware's reading of config.txt: sections that hold for some boards only, `include`, device tree overlays and
 * their parameters. Sources: the official documentation of config.txt (file format, conditional filters, boot options).
 */

/** The firmware reads this much of a line and drops the rest. */
const LINE_CHARACTERS = 98;
/** An include that includes itself must end. */
const INCLUDE_DEPTH = 8;

/** What conditional filters are compared with. */
export interface BoardFacts {
  /** Model sections that hold, as `pi3`, `pi3+`. */
  readonly filters: readonly string[];
  /** 16 hex digits. */
  readonly serial: string;
}

export interface OverlayLine {
  readonly name: string;
  readonly parameters: readonly string[];
}

export interface FirmwareConfig {
  /** Settings by name; the last line that holds wins. */
  readonly settings: ReadonlyMap<string, string>;
  /** Overlays in order, each with its parameters. */
  readonly overlays: readonly OverlayLine[];
  /** Parameters of the base device tree. */
  readonly parameters: readonly string[];
  /** Files of the `initramfs` line. */
  readonly initramfs: readonly string[];
  /** Lines that a real firmware would pass over in silence, in words. */
  readonly warnings: readonly string[];
}

/** Every model section there is: one of these turns the ones before it off. */
const MODEL_FILTERS = new Set(
  "pi0 pi0w pi02 pi1 pi2 pi3 pi3+ pi4 pi5 pi400 pi500 cm0 cm1 cm3 cm3+ cm4 cm4s cm5".split(" "),
);

/** Settings that change how the emulated part of the boot goes, and harmless ones that people write. */
const KNOWN_SETTINGS = new Set(
  [
    "arm_64bit armstub auto_initramfs boot_ramdisk cmdline device_tree device_tree_address disable_commandline_tags",
    "enable_uart fixup_file gpu_mem include initramfs kernel kernel_address kernel_old os_check os_prefix",
    "overlay_prefix ramfsaddr ramfsfile start_file start_x total_mem uart_2ndstage upstream_kernel",
    "disable_overscan disable_splash disable_fw_kms_setup arm_boost avoid_warnings boot_delay bootcode_delay camera_auto_detect",
    "display_auto_detect force_turbo hdmi_force_hotplug hdmi_safe hdmi_group hdmi_mode max_framebuffers core_freq",
    "enable_gic pciex4_reset enable_rp1_uart usb_max_current_enable max_usb_current dtdebug init_uart_baud",
    "init_uart_clock program_usb_boot_mode",
  ].flatMap((line) => line.split(" ")),
);

/** Fetches an included file; undefined when it is missing. */
export type Include = (path: string) => Promise<string | undefined>;

/** Reads config.txt for a board. Never throws: a firmware goes on past whatever it does not understand. */
export async function readConfig(text: string, board: BoardFacts, include: Include): Promise<FirmwareConfig> {
  const reader = new Reader(board, include);
  await reader.read(text, 0);
  return reader;
}

class Reader implements FirmwareConfig {
  readonly settings = new Map<string, string>();
  readonly overlays: Array<{ name: string; parameters: string[] }> = [];
  readonly parameters: string[] = [];
  readonly initramfs: string[] = [];
  readonly warnings: string[] = [];
  readonly #board: BoardFacts;
  readonly #include: Include;
  /** Filters of different kinds hold together; one of the same kind replaces the other. */
  readonly #filters = new Map<string, boolean>();
  #parameterTarget: string[] = this.parameters;

  constructor(board: BoardFacts, include: Include) {
    this.#board = board;
    this.#include = include;
  }

  async read(text: string, depth: number): Promise<void> {
    for (const raw of text.split(/\r?\n/)) {
      if (raw.length > LINE_CHARACTERS && !raw.startsWith("#")) this.#warn(`cut to ${LINE_CHARACTERS}`, raw);
      const line = raw.slice(0, LINE_CHARACTERS).trim();
      if (line === "" || line.startsWith("#")) continue;
      const section = /^\[(.*)\]$/.exec(line)?.[1];
      if (section !== undefined) this.#enter(section, line);
      else if ([...this.#filters.values()].every(Boolean)) await this.#apply(line, depth);
    }
  }

  #enter(section: string, line: string): void {
    const name = section.toLowerCase();
    if (name === "all") this.#filters.clear();
    else if (name === "none") this.#filters.set("none", false);
    else if (MODEL_FILTERS.has(name)) this.#filters.set("model", this.#board.filters.includes(name));
    else if (/^0x[0-9a-f]+$/.test(name)) {
      this.#filters.set("serial", Number(name) === Number.parseInt(this.#board.serial.slice(-8), 16));
    } else if (
      /^(edid|gpio|board-type|boot_partition|partition|boot_count)\b.*=/.test(name) ||
      name === "tryboot"
    ) {
      this.#filters.set(name.split("=")[0] ?? name, false);
    } else if (!name.startsWith("hdmi:")) {
      this.#warn("no such section", line);
      this.#filters.set("unknown", false);
    }
  }

  async #apply(line: string, depth: number): Promise<void> {
    const words = /^(include|initramfs)\s+(.+)$/.exec(line);
    if (words?.[1] === "include") return this.#includeFile(words[2] ?? "", depth);
    if (words?.[1] === "initramfs") return this.#setInitramfs(words[2] ?? "");
    const at = line.indexOf("=");
    const name = line.slice(0, Math.max(at, 0));
    if (at < 1 || /\s/.test(name)) return this.#warn("not name=value", line);
    const value = line.slice(at + 1);
    switch (name) {
      case "dtoverlay":
      case "device_tree_overlay":
        return this.#addOverlay(value);
      case "dtparam":
      case "device_tree_param":
        this.#parameterTarget.push(...value.split(","));
        return;
      default:
        if (!KNOWN_SETTINGS.has(name)) this.#warn("no such setting", line);
        this.settings.set(name, value);
    }
  }

  async #includeFile(path: string, depth: number): Promise<void> {
    const text = depth < INCLUDE_DEPTH ? await this.#include(path) : undefined;
    if (text === undefined) this.#warn("missing or too deep", `include ${path}`);
    else await this.read(text, depth + 1);
  }

  /** `initramfs FILES ADDRESS`, the one setting without an equals sign. */
  #setInitramfs(words: string): void {
    const [files = "", address] = words.split(/\s+/);
    if (address !== "followkernel" && !/^0x[0-9a-f]+$/i.test(address ?? "")) {
      this.#warn("no address or followkernel", `initramfs ${words}`);
    }
    this.initramfs.splice(0, this.initramfs.length, ...files.split(","));
  }

  /** `dtoverlay=name,parameter=value`; after an empty one dtparam means the base device tree again. */
  #addOverlay(value: string): void {
    const [name = "", ...parameters] = value.split(",");
    this.#parameterTarget = parameters;
    if (name === "") this.#parameterTarget = this.parameters;
    else this.overlays.push({ name, parameters });
  }

  #warn(why: string, line: string): void {
    this.warnings.push(`config.txt: ${why}: ${line}`);
  }
}
