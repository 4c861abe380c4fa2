/** The device tree of the next kernel, made by the program that the initramfs has, looked at with dtc and fdtoverlay. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cacheFolder } from "../../src/shim/cache.ts";
import { PackageStore } from "../../src/shim/debian/package-store.ts";
import lock from "../../src/shim/lock.json";
import disableBt from "../../src/shim/overlays/disable-bt.dts" with { type: "text" };
import { run } from "../../src/shim/support/run.ts";
import { buildPrograms } from "../../src/shim/userland/programs.ts";
import { describeWith } from "../support/tools.ts";

/** Compiling, when no other suite has done it, on a busy machine. */
const BUILD_MS = 120_000;
const TOOLS = ["aarch64-linux-gnu-gcc", "dpkg-source", "qemu-aarch64-static", "dtc", "fdtget", "fdtoverlay"];

/** As Raspberry Pi's trees are: one cell for addresses, labels, parameters, words for the kernel. */
const IMAGE_TREE = `/dts-v1/;
/ {
	compatible = "raspberrypi,4-model-b", "brcm,bcm2711";
	model = "Raspberry Pi 4 Model B";
	#address-cells = <2>;
	#size-cells = <1>;
	aliases { serial0 = &uart1; serial1 = &uart0; ethernet0 = &genet; emmc2bus = &emmc2bus; };
	chosen { bootargs = "coherent_pool=1M 8250.nr_uarts=1"; };
	memory@0 { device_type = "memory"; reg = <0 0 0>; };
	reserved-memory {
		#address-cells = <2>;
		#size-cells = <1>;
		ranges;
		linux,cma { compatible = "shared-dma-pool"; size = <0x4000000>; reusable; };
		nvram@0 { compatible = "raspberrypi,bootloader-config"; reg = <0 0 0>; status = "disabled"; };
	};
	soc {
		#address-cells = <1>;
		#size-cells = <1>;
		gpio: gpio@7e200000 { phandle = <7>; uart0_gpio14: uart0_gpio14 { brcm,pins = <14 15>; }; };
		uart0: serial@7e201000 { compatible = "arm,pl011"; status = "okay"; bt: bluetooth { status = "okay"; }; };
		uart1: serial@7e215040 { compatible = "brcm,bcm2835-aux-uart"; status = "disabled"; };
		audio: audio { status = "disabled"; brcm,disable-headphones = <1>; };
		i2c1: i2c@7e804000 { status = "disabled"; clock-frequency = <100000>; #address-cells = <1>; #size-cells = <0>; };
		leds: leds { act { gpios = <&gpio 42 0>; linux,default-trigger = "mmc0"; }; };
	};
	emmc2bus: emmc2bus { dma-ranges = <0 0xc0000000 0 0 0x40000000>; };
	genet: ethernet@7d580000 { compatible = "brcm,bcm2711-genet-v5"; local-mac-address = [00 00 00 00 00 00]; };
	__overrides__ {
		audio = <&audio>, "status";
		i2c_arm = <&i2c1>, "status";
		i2c_arm_baudrate = <&i2c1>, "clock-frequency:0";
		act_led_gpio = <&leds>, "gpios:4", <&leds>, "kind{1=one,2='two of it',=many}";
		mac = <&genet>, "local-mac-address[";
		quiet = <&leds>, "loud!", <&leds>, "calm?";
		fixed = <&leds>, "cell:0=", <42>, <&leds>, "text=word";
	};
};
`;

/** As the firmware hands it to the shim: mainline's, with two cells for sizes. */
const RUNNING_TREE = `/dts-v1/;
/memreserve/ 0x0 0x1000;
/ {
	compatible = "raspberrypi,4-model-b", "brcm,bcm2711";
	model = "Raspberry Pi 4 Model B Rev 1.4";
	serial-number = "10000000ddb41a0c";
	#address-cells = <2>;
	#size-cells = <2>;
	aliases { ethernet0 = "/ethernet@7d580000"; emmc2bus = "/emmc2bus"; };
	system { linux,revision = <0xc03114>; };
	chosen {
		bootargs = "console=ttyAMA0 pinetboot.server=10.0.0.2";
		kaslr-seed = <1 2>;
		stdout-path = "serial0";
		rpi-boardrev-ext = <0>;
		#address-cells = <2>;
		#size-cells = <1>;
		ranges;
		bootloader { boot-mode = <2>; };
		framebuffer@3e402000 { compatible = "simple-framebuffer"; reg = <0 0x3e402000 0x7e9000>; power-domains = <&power 7>; };
	};
	memory@0 { device_type = "memory"; reg = <0 0 0 0x3b400000>, <0 0x40000000 1 0xc0000000>; };
	reserved-memory {
		#address-cells = <2>;
		#size-cells = <2>;
		ranges;
		nvram@0 { compatible = "raspberrypi,bootloader-config"; reg = <0 0x3ef63cc0 0 0x5b>; status = "okay"; };
		atf@0 { reg = <0 0 0 0x80000>; no-map; };
	};
	power: power { phandle = <3>; };
	emmc2bus { dma-ranges = <0 0 0 0 0xfc000000>; };
	ethernet@7d580000 { local-mac-address = [dc a6 32 b4 1a 0c]; };
};
`;

describeWith(TOOLS, "the device tree of the next kernel", () => {
  let dir = "";
  let program = "";

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), "kexec-tree-"));
    const packages = new PackageStore({ cacheDir: cacheFolder(), lock });
    const options = { workDir: join(dir, "work"), cacheDir: cacheFolder(), run, packages };
    program = join(await buildPrograms(options), "kexec-tree");
    await compile("image.dtb", IMAGE_TREE);
    await compile("running.dtb", RUNNING_TREE);
  }, BUILD_MS);
  afterAll(async () => {
    await rm(dir, { recursive: true, force: true });
  });

  const at = (name: string): string => join(dir, name);
  const compile = async (name: string, source: string): Promise<void> => {
    await writeFile(at(`${name}.dts`), source);
    await run(["dtc", "-@", "-q", "-I", "dts", "-O", "dtb", "-o", at(name), at(`${name}.dts`)]);
  };
  const make = (...lines: string[]): { said: string; exitCode: number } => {
    const done = Bun.spawnSync(["qemu-aarch64-static", program, "make", at("next.dtb")], {
      stdin: new TextEncoder().encode(`${lines.join("\n")}\n`),
    });
    return { said: done.stderr.toString().trim(), exitCode: done.exitCode };
  };
  const get = async (path: string, property: string, type = "s"): Promise<string> =>
    (await run(["fdtget", "-t", type, "-d", "(none)", at("next.dtb"), path, property])).trim();
  const asText = async (name: string): Promise<string> =>
    await run(["dtc", "-q", "-s", "-I", "dtb", "-O", "dts", at(name)]);
  const base = (): string => `base ${at("image.dtb")}`;

  test("a tree comes out as it went in", async () => {
    expect(make(`running ${at("running.dtb")}`)).toEqual({ said: "", exitCode: 0 });
    expect(withoutWords(await asText("next.dtb"))).toBe(withoutWords(await asText("running.dtb")));
    expect(await get("/chosen", "bootargs")).toBe("(none)");
  });

  test("what the firmware wrote is carried over, in the cells of the image's tree", async () => {
    expect(make(base(), `firmware ${at("running.dtb")}`).said).toBe("");
    expect(await get("/", "serial-number")).toBe("10000000ddb41a0c");
    expect(await get("/", "model")).toBe("Raspberry Pi 4 Model B Rev 1.4");
    expect(await get("/system", "linux,revision", "x")).toBe("c03114");
    expect(await get("/ethernet@7d580000", "local-mac-address", "bx")).toBe("dc a6 32 b4 1a c");
    expect(await get("/emmc2bus", "dma-ranges", "x")).toBe("0 0 0 0 fc000000");
    // 7 GiB do not fit into one cell: two entries.
    expect(await get("/memory@0", "reg", "x")).toBe(
      "0 0 3b400000 0 40000000 c0000000 1 0 c0000000 1 c0000000 40000000",
    );
    expect(await get("/chosen", "rpi-boardrev-ext", "x")).toBe("0");
    expect(await get("/chosen/bootloader", "boot-mode", "x")).toBe("2");
    expect(await get("/chosen/framebuffer@3e402000", "reg", "x")).toBe("0 3e402000 7e9000");
    expect(await get("/reserved-memory/nvram@0", "reg", "x")).toBe("0 3ef63cc0 5b");
    expect(await get("/reserved-memory/nvram@0", "status")).toBe("okay");
    expect(await get("/reserved-memory/atf@0", "reg", "x")).toBe("0 0 80000");
    expect(await asText("next.dtb")).toContain("/memreserve/\t0x0000000000000000 0x0000000000001000;");
  });

  test("what was for the running kernel alone is not", async () => {
    make(base(), `firmware ${at("running.dtb")}`);
    expect(await get("/chosen", "kaslr-seed", "x")).toBe("(none)");
    expect(await get("/chosen", "stdout-path")).toBe("(none)");
    expect(await get("/chosen", "bootargs")).toBe("coherent_pool=1M 8250.nr_uarts=1");
    // A number of a node of the running tree, which is another node here.
    expect(await get("/chosen/framebuffer@3e402000", "power-domains", "x")).toBe("(none)");
  });

  test("parameters: switches, numbers, bytes, look-ups, literals, truth and its opposite", async () => {
    const { said } = make(
      base(),
      "param audio=on,i2c_arm,i2c_arm_baudrate=400000",
      "param act_led_gpio=2",
      "param mac=b8:27:eb:01:02:03,quiet=on",
      "param fixed",
    );
    expect(said).toBe("");
    expect(await get("/soc/audio", "status")).toBe("okay");
    expect(await get("/soc/i2c@7e804000", "status")).toBe("okay");
    expect(await get("/soc/i2c@7e804000", "clock-frequency", "u")).toBe("400000");
    expect(await get("/soc/leds", "gpios", "u")).toBe("0 2");
    expect(await get("/soc/leds", "kind")).toBe("two of it");
    expect(await get("/ethernet@7d580000", "local-mac-address", "bx")).toBe("b8 27 eb 1 2 3");
    expect(await get("/soc/leds", "loud")).toBe("(none)");
    expect(await get("/soc/leds", "calm")).toBe("");
    expect(await get("/soc/leds", "cell", "u")).toBe("42");
    expect(await get("/soc/leds", "text")).toBe("word");
  });

  test("a look-up without a match takes what it names for that", async () => {
    expect(make(base(), "param act_led_gpio=17").said).toBe("");
    expect(await get("/soc/leds", "kind")).toBe("many");
  });

  test("an overlay gives what fdtoverlay gives", async () => {
    await compile("disable-bt.dtbo", disableBt);
    expect(make(base(), `overlays ${dir}/`, "overlay disable-bt").said).toBe("");
    const theirs = ["fdtoverlay", "-i", at("image.dtb"), "-o", at("theirs.dtb"), at("disable-bt.dtbo")];
    await run(theirs);
    expect(await asText("next.dtb")).toBe(await asText("theirs.dtb"));
  });

  test("parameters after an overlay are the overlay's, until it ends; those that it lacks are the tree's", async () => {
    await compile(
      "rtc.dtbo",
      `/dts-v1/; /plugin/; / {
	compatible = "brcm,bcm2835";
	fragment@0 { target = <&i2c1>; __overlay__ { status = "okay"; rtc: rtc@68 { reg = <0x68>; compatible = "dallas,ds1307"; source = <&gpio>; mine = <&rtc>; }; }; };
	fragment@1 { target = <&i2c1>; __dormant__ { asleep; }; };
	fragment@2 { target-path = "/chosen"; __overlay__ { bootargs = "rtc.words"; }; };
	fragment@3 { target = <&rtc>; __overlay__ { more = "yes"; }; };
	__overrides__ { addr = <&rtc>, "reg:0"; wake = <0>, "+1"; audio = <&rtc>, "sound"; };
};`,
    );
    const { said } = make(
      base(),
      `overlays ${dir}/`,
      "overlay rtc,addr=0x51",
      "param wake",
      "param audio=loud",
      "param i2c_arm_baudrate=50000",
      "overlay ",
      "param audio=on",
      "bootargs console=serial0,115200 root=x",
    );
    expect(said).toBe("");
    const rtc = "/soc/i2c@7e804000/rtc@51";
    expect(await get(rtc, "reg", "x")).toBe("51");
    expect(await get(rtc, "sound")).toBe("loud");
    expect(await get(rtc, "source", "u")).toBe("7");
    expect(await get(rtc, "mine", "u")).toBe(await get(rtc, "phandle", "u"));
    expect(await get(rtc, "more")).toBe("yes");
    expect(await get("/soc/i2c@7e804000", "asleep")).toBe("");
    expect(await get("/soc/i2c@7e804000", "clock-frequency", "u")).toBe("50000");
    expect(await get("/soc/audio", "status")).toBe("okay");
    expect(await get("/chosen", "bootargs")).toBe(
      "coherent_pool=1M 8250.nr_uarts=1 rtc.words console=ttyS0,115200 root=x",
    );
  });

  test("the map names another overlay for a board, renames, and says what is not for it", async () => {
    await compile("kms-pi4.dtbo", oneFragment("kms-pi4"));
    await compile("new.dtbo", oneFragment("new"));
    await compile(
      "map.dtb",
      `/dts-v1/; / { kms { bcm2835; bcm2711 = "kms-pi4"; }; old { renamed = "new"; }; pi5-only { bcm2712; }; gone { deprecated = "use new"; }; };`,
    );
    const { said, exitCode } = make(
      base(),
      `map ${at("map.dtb")}`,
      `overlays ${dir}/`,
      "overlay kms",
      "overlay old",
      "overlay pi5-only",
      "overlay gone",
      "overlay nowhere",
      "param nothing=1",
    );
    expect(exitCode).toBe(0);
    expect(said.split("\n")).toEqual([
      "overlay pi5-only is not for this board",
      "overlay gone is deprecated: use new",
      "overlay nowhere is missing",
      "parameter nothing is unknown",
    ]);
    expect(await get("/", "kms-pi4")).toBe("");
    expect(await get("/", "new")).toBe("");
  });

  test("an overlay that does not fit changes nothing, not even in part", async () => {
    await compile(
      "wrong.dtbo",
      `/dts-v1/; /plugin/; / { fragment@0 { target-path = "/"; __overlay__ { half; }; }; fragment@1 { target = <&nobody>; __overlay__ { x; }; }; };`,
    );
    const { said } = make(base(), `overlays ${dir}/`, "overlay wrong");
    expect(said).toBe("overlay wrong needs 'nobody', which this device tree lacks");
    expect(await get("/", "half")).toBe("(none)");
  });

  test("console=serial0 is the port that the tree gives the header", async () => {
    await compile("disable-bt.dtbo", disableBt);
    make(base(), "uart", "bootargs console=serial0,115200 console=tty1");
    expect(await get("/chosen", "bootargs")).toEndWith(" console=ttyS0,115200 console=tty1");
    expect(await get("/soc/serial@7e215040", "status")).toBe("okay");
  });

  test("broken files end it with words, whatever is in them", async () => {
    const whole = Buffer.from(await Bun.file(at("image.dtb")).bytes());
    for (const [at4, value] of [
      [4, 0xffffffff],
      [8, 0xfffffff0],
      [12, 0xffffffff],
      [16, 0xfffffff0],
      [32, 0xffffffff],
    ] as const) {
      const broken = Buffer.from(whole);
      broken.writeUInt32BE(value, at4);
      await writeFile(at("broken.dtb"), broken);
      const { said, exitCode } = make(`base ${at("broken.dtb")}`);
      expect(exitCode).toBe(1);
      expect(said).toContain("broken.dtb cannot be used");
    }
    expect(make(base(), `bootargs ${"x".repeat(2048)}`)).toMatchObject({ exitCode: 1 });
  });
});

function withoutWords(source: string): string {
  return source.replace(/\t\tbootargs = .*\n/, "");
}

function oneFragment(word: string): string {
  return `/dts-v1/; /plugin/; / { fragment@0 { target-path = "/"; __overlay__ { ${word}; }; }; };`;
}
