/** The device tree as the firmware hands it over: overlays merged, the board's own facts written in. Uses dtc's tools. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Board } from "./dhcp/client.ts";
import { FirmwareStop } from "./files.ts";
import { macBytes } from "./net/frames.ts";
import type { LoadedOverlay } from "./stages/load-os.ts";

/** A device tree in a scratch folder; `dispose` removes the folder. */
export class DeviceTree {
  readonly warnings: string[] = [];
  readonly #dir: string;
  readonly #path: string;
  #files = 0;

  private constructor(dir: string) {
    this.#dir = dir;
    this.#path = join(dir, "base.dtb");
  }

  /** Throws FirmwareStop when the bytes are no device tree. */
  static async open(bytes: Uint8Array): Promise<DeviceTree> {
    const tree = new DeviceTree(await mkdtemp(join(tmpdir(), "pi-device-tree-")));
    await Bun.write(tree.#path, bytes);
    if ((await tree.#get("/", "#address-cells", "x")) === undefined) {
      await tree.dispose();
      throw new FirmwareStop("the device tree cannot be read");
    }
    return tree;
  }

  /** Merges an overlay; one that does not fit is passed over with a warning, as the firmware does. */
  async apply(overlay: LoadedOverlay): Promise<void> {
    const file = join(this.#dir, `overlay-${this.#files++}.dtbo`);
    const merged = `${file}.merged`;
    await Bun.write(file, overlay.bytes);
    const done = await run(["fdtoverlay", "-i", this.#path, "-o", merged, file]);
    if (done.exitCode === 0) await Bun.write(this.#path, Bun.file(merged));
    else this.warnings.push(`overlay ${overlay.name} does not fit: ${done.stderr.trim()}`);
    for (const parameter of overlay.parameters) {
      this.warnings.push(`overlay ${overlay.name}: parameter ${parameter} is not emulated`);
    }
  }

  /** Names each parameter of the base device tree that it does not have: the firmware passes those over. */
  async checkParameters(parameters: readonly string[]): Promise<void> {
    for (const parameter of parameters) {
      const name = parameter.split("=")[0] ?? "";
      const found = await this.#get("/__overrides__", name, "bx");
      this.warnings.push(
        `dtparam ${name}: ${found ? "is not emulated" : "the device tree has no such parameter"}`,
      );
    }
  }

  /** The device tree's own kernel arguments. */
  async bootArguments(): Promise<string> {
    return (await this.#get("/chosen", "bootargs", "s")) ?? "";
  }

  /** True when `serial0` is the PL011: Bluetooth has given it up, or the device tree names it so. */
  async serial0IsPl011(): Promise<boolean> {
    const serial0 = await this.#get("/aliases", "serial0", "s");
    return serial0 !== undefined && (await this.#get(serial0, "compatible", "s"))?.includes("pl011") === true;
  }

  /** Writes what the firmware knows of the board: serial, model, MAC, revision, command line. */
  async describeBoard(board: Board, commandLine: string): Promise<void> {
    const { serial, mac, profile } = board;
    await this.#put("s", "/", "serial-number", serial);
    await this.#put("s", "/", "model", profile.modelText);
    await this.#put("s", "/chosen", "bootargs", commandLine);
    await this.#put("x", "/system", "linux,serial", serial.slice(0, 8), serial.slice(8));
    await this.#put("x", "/system", "linux,revision", profile.revision.toString(16));
    const ethernet = await this.#get("/aliases", "ethernet0", "s");
    if (!ethernet) this.warnings.push("the device tree has no ethernet0: the MAC cannot be written");
    else {
      const bytes = Array.from(macBytes(mac), (byte) => byte.toString(16));
      await this.#put("bx", ethernet, "local-mac-address", ...bytes);
    }
  }

  async bytes(): Promise<Uint8Array> {
    return Bun.file(this.#path).bytes();
  }

  async dispose(): Promise<void> {
    await rm(this.#dir, { recursive: true, force: true });
  }

  async #get(node: string, property: string, type: string): Promise<string | undefined> {
    const done = await run(["fdtget", "-t", type, this.#path, node, property]);
    return done.exitCode === 0 ? done.stdout.trimEnd() : undefined;
  }

  async #put(type: string, node: string, property: string, ...values: string[]): Promise<void> {
    const done = await run(["fdtput", "-p", "-t", type, this.#path, node, property, ...values]);
    if (done.exitCode !== 0) throw new Error(`fdtput ${node} ${property}: ${done.stderr}`);
  }
}

/** An overlay's name for a chip by overlay_map.dtb: other boards may have their own of the same name. */
export async function overlayName(map: Uint8Array | undefined, name: string, chip: string): Promise<string> {
  if (!map) return name;
  const dir = await mkdtemp(join(tmpdir(), "pi-overlay-map-"));
  try {
    const path = join(dir, "map.dtb");
    await Bun.write(path, map);
    const done = await run(["fdtget", "-t", "s", "-d", "", path, `/${name}`, chip]);
    return (done.exitCode === 0 && done.stdout.trim()) || name;
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

async function run(command: string[]): Promise<{ exitCode: number; stdout: string; stderr: string }> {
  const child = Bun.spawn(command, { stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  return { exitCode: await child.exited, stdout, stderr };
}
