/** A real PXE ROM beside our proxy: it must boot from its own network as if we were not there. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeMessage, encodeMessage } from "dhcp4-ts";
import { Lab } from "../sim/net/lab.ts";
import { describeWith } from "../support/tools.ts";
import { PI_4_NEW } from "./golden-packets.ts";
import { Lines, startCapture, startClient, startRouter, startService } from "./support.ts";

const PROXY = "10.9.0.1";
const PC = "52:54:00:aa:bb:01";
/** SeaBIOS and iPXE under emulation on a busy machine. */
const BOOT_MS = 90_000;
const TOOLS = ["root", "dnsmasq", "tcpdump", "qemu-system-x86_64", "/usr/lib/ipxe/qemu/pxe-virtio.rom"];

function words(text: string): string[] {
  return text.split(" ");
}

describeWith(TOOLS, "a PC with a PXE ROM beside the proxy", () => {
  let lab: Lab;
  let folder: string;

  beforeAll(async () => {
    lab = new Lab("pxe-pc");
    folder = await mkdtemp(join(tmpdir(), "pxe-pc-"));
    await Bun.write(
      join(folder, "boot.ipxe"),
      "#!ipxe\necho booted undisturbed by ${net0/dhcp-server}\npoweroff\n",
    );
  });

  afterAll(async () => {
    await lab.dispose();
    await rm(folder, { recursive: true });
  });

  test(
    "it takes the router's address and boot file, and hears not one packet of ours",
    async () => {
      const proxy = lab.addHost("proxy", { address: `${PROXY}/24` });
      const pi = lab.addHost("pi", { address: "10.9.0.60/24" });
      const router = await startRouter(lab, lab.addHost("router", { address: "10.9.0.2/24" }), [
        "--no-ping",
        "--enable-tftp",
        `--tftp-root=${folder}`,
        "--dhcp-boot=boot.ipxe",
      ]);
      const service = await startService(lab, proxy, { mode: "proxy" });
      const capture = await startCapture(lab, proxy);

      const netdev = `tap,id=n0,ifname=${lab.addTap()},script=no,downscript=no`;
      const pc = lab.spawn({ run: lab.switchRun }, [
        "qemu-system-x86_64",
        ...words("-machine pc -accel tcg -m 64 -nographic -no-reboot -nodefaults -serial stdio -boot n"),
        ...words("-uuid 4c4c4544-0033-5010-8052-b4c04f4e3232"),
        ...words(`-netdev ${netdev} -device virtio-net-pci,netdev=n0,mac=${PC}`),
      ]);
      const screen = new Lines(pc.stdout, (line) => line);
      await screen.waitFor("iPXE's script", (line) => line.includes("booted undisturbed by 10.9.0.2"), {
        waitMs: BOOT_MS,
      });
      await router.waitFor("the router's ACK", (line) => line.includes("DHCPACK") && line.includes(PC));
      await service.events.waitFor(
        "the proxy to ignore the PC",
        (event) => event.type === "ignored" && event.message.mac === PC,
      );

      const last = encodeMessage({ ...decodeMessage(PI_4_NEW.bytes), xid: 0x1a57 });
      await startClient(lab, pi, { packets: [last.toHex()], to: { address: "255.255.255.255", port: 67 } });
      const captured = await capture.stopAfter(
        ({ source, message }) => source.address === PROXY && message.xid === 0x1a57,
      );
      const ours = captured.filter(({ source }) => source.address === PROXY);
      expect(ours.map(({ message }) => message.xid)).toEqual([0x1a57]);
      const asked = captured.filter(({ message }) => message.op === "request");
      expect(asked.map(({ message }) => message.hardwareAddress.toHex())).toContain("525400aabb01");
    },
    BOOT_MS + 30_000,
  );
});
