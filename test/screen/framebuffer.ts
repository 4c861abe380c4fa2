/**
 * A screen for QEMU's `virt`: memory that the device tree names as a simple-framebuffer, as a Pi's firmware hands its
 * own over. So the kernel draws by the driver that a Pi has, and QEMU's monitor reads what a cable would carry.
 */
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { run } from "../../src/shim/support/run.ts";
import { Monitor } from "./monitor.ts";
import { type Picture, pictureOf } from "./picture.ts";

const RAM_AT = 0x4000_0000;
const BYTES_A_PIXEL = 4;
const MIB = 1 << 20;

export interface ScreenOptions {
  readonly dir: string;
  readonly width: number;
  readonly height: number;
  /** As `-machine virt -m` has it: the screen takes its last part. */
  readonly memoryMib: number;
  readonly cpus: number;
  /** What /proc/device-tree says of the machine. */
  readonly model: string;
  readonly serial: string;
}

export class VirtualScreen {
  /** Words for QEMU's command line. */
  readonly flags: readonly string[];
  readonly #options: ScreenOptions;
  readonly #socket: string;
  #monitor: Monitor | undefined;

  private constructor(options: ScreenOptions, deviceTree: string) {
    this.#options = options;
    this.#socket = join(options.dir, "monitor");
    this.flags = ["-dtb", deviceTree, "-qmp", `unix:${this.#socket},server=on,wait=off`];
  }

  /** Makes the device tree. Needs qemu-system-aarch64, dtc and fdtoverlay. */
  static async prepare(options: ScreenOptions): Promise<VirtualScreen> {
    const at = (name: string): string => join(options.dir, name);
    const machine = ["-machine", `virt,dumpdtb=${at("virt.dtb")}`, "-cpu", "cortex-a72", "-display", "none"];
    await run([
      "qemu-system-aarch64",
      ...machine,
      "-smp",
      String(options.cpus),
      "-m",
      String(options.memoryMib),
    ]);
    await Bun.write(at("screen.dts"), overlay(options));
    await run(["dtc", "-q", "-I", "dts", "-O", "dtb", "-o", at("screen.dtbo"), at("screen.dts")]);
    await run(["fdtoverlay", "-i", at("virt.dtb"), "-o", at("screen.dtb"), at("screen.dtbo")]);
    return new VirtualScreen(options, at("screen.dtb"));
  }

  /** What is on the screen at this moment; QEMU must run. */
  async picture(): Promise<Picture> {
    const monitor = await this.#connect();
    const { dir, width, height } = this.#options;
    const filename = join(dir, "pixels");
    rmSync(filename, { force: true });
    const size = width * height * BYTES_A_PIXEL;
    await monitor.execute("pmemsave", { val: framebufferAt(this.#options), size, filename });
    return pictureOf(await Bun.file(filename).bytes(), width, height);
  }

  /** Puts the cable of a network device (`-netdev ...,id=ID`) in or out. QEMU may just have been started. */
  async plug(id: string, isIn: boolean): Promise<void> {
    await (await this.#connect()).execute("set_link", { name: id, up: isIn });
  }

  close(): void {
    this.#monitor?.close();
  }

  async #connect(): Promise<Monitor> {
    if (!this.#monitor) {
      // QEMU makes the socket in its first moments, and tells nobody.
      while (!existsSync(this.#socket)) await Bun.sleep(20);
      this.#monitor = await Monitor.connect(this.#socket);
    }
    return this.#monitor;
  }
}

function framebufferBytes({ width, height }: ScreenOptions): number {
  return Math.ceil((width * height * BYTES_A_PIXEL) / (2 * MIB)) * 2 * MIB;
}

function framebufferAt(options: ScreenOptions): number {
  return RAM_AT + options.memoryMib * MIB - framebufferBytes(options);
}

function overlay(options: ScreenOptions): string {
  const { width, height, model, serial } = options;
  const at = framebufferAt(options).toString(16);
  const reg = `<0 0x${at} 0 0x${framebufferBytes(options).toString(16)}>`;
  return `/dts-v1/;
/plugin/;
/ {
	fragment@0 {
		target-path = "/";
		__overlay__ {
			model = "${model}";
			serial-number = "${serial}";
			reserved-memory {
				#address-cells = <2>;
				#size-cells = <2>;
				ranges;
				framebuffer@${at} {
					reg = ${reg};
					no-map;
				};
			};
		};
	};
	fragment@1 {
		target-path = "/chosen";
		__overlay__ {
			#address-cells = <2>;
			#size-cells = <2>;
			ranges;
			framebuffer@${at} {
				compatible = "simple-framebuffer";
				reg = ${reg};
				width = <${width}>;
				height = <${height}>;
				stride = <${width * BYTES_A_PIXEL}>;
				format = "a8r8g8b8";
			};
		};
	};
};
`;
}
