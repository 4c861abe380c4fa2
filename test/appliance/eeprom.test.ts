/** An update of a Pi's EEPROM: offered by command, fetched over TFTP as the bootloader does, told of by the shim; and the firmware's log. */
import { afterEach, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { EepromImage } from "../../src/shim/eeprom/eeprom-image.ts";
import { fetchTftp } from "../sim/tftp-fetch.ts";
import { makeEeprom } from "../support/eeprom-maker.ts";
import { LOOPBACK_FLAGS, temporaryFolder, TestServer } from "../support/pinetboot.ts";

setDefaultTimeout(60_000);

const KEY = "8d3fa2c1";
const OWN = "[all]\nPCIE_PROBE=1\nBOOT_ORDER=0xf41\n";
const WHO = { serial: `10000000${KEY}`, mac: "dc:a6:32:01:36:c2", boot: "boot-1" };

const Eeprom = z.object({
  bootloader: z.object({ config: z.string(), written_at: z.string().nullable() }).nullable(),
  offer: z
    .object({
      state: z.string(),
      boot_order: z.string().nullable(),
      netconsole: z.boolean(),
      keeps_settings: z.boolean(),
    })
    .nullable(),
});

let folder = temporaryFolder("eeprom");
let server: TestServer;
beforeEach(async () => {
  folder = temporaryFolder("eeprom");
  const firmware = join(folder.path, "data/firmware");
  mkdirSync(firmware, { recursive: true });
  writeFileSync(join(firmware, "pieeprom-2026-01-02.bin"), makeEeprom());
  server = await TestServer.start({
    data: join(folder.path, "data"),
    flags: [...LOOPBACK_FLAGS, "--netconsole-port", "0"],
  });
});
afterEach(async () => {
  await server.stop();
  folder.dispose();
});

const post = async (path: string, words: Record<string, string>): Promise<number> => {
  const body = new URLSearchParams({ ...WHO, ...words });
  return (await fetch(`http://${server.ready.report}${path}`, { method: "POST", body })).status;
};
const seen = (model: string) => post("/v1/report", { stage: "kernel", state: "ok", model });
const eeprom = (...words: string[]) => server.json(Eeprom, "pi", "eeprom", KEY, ...words);

async function refused(...words: string[]): Promise<string> {
  const { code, stderr } = await server.cli("pi", "eeprom", KEY, ...words);
  expect(code).toBe(1);
  return stderr;
}

async function fetched(path: string): Promise<Uint8Array | string> {
  const [address = "", port] = server.ready.tftp?.split(":") ?? [];
  const result = await fetchTftp({
    path,
    server: { address, port: Number(port) },
    options: [
      ["tsize", "0"],
      ["blksize", "1468"],
    ],
  });
  return result.how === "done" ? result.bytes : result.how === "error" ? result.message : result.how;
}

test("is fetched once, keeps the Pi's settings, and is done when the Pi says so", async () => {
  await seen("Raspberry Pi 4 Model B Rev 1.5");
  expect(await post("/v1/bootloader", { written: "1700000000", config: OWN })).toBe(204);
  expect((await eeprom()).bootloader).toEqual({ config: OWN, written_at: "2023-11-14T22:13:20.000Z" });
  expect(await fetched(`${KEY}/pieeprom.sig`)).toBeString();

  const { offer } = await eeprom("--boot-order", "0xf21");
  expect(offer).toEqual({ state: "offered", boot_order: "0xf21", netconsole: false, keeps_settings: true });
  const signature = await fetched(`${KEY}/pieeprom.sig`);
  const image = await fetched(`${KEY}/pieeprom.upd`);
  if (typeof signature === "string" || typeof image === "string") throw new Error("an update was offered");
  expect(EepromImage.parse(image).bootconf()).toBe(OWN.replace("0xf41", "0xf21"));
  const [digest, time] = new TextDecoder().decode(signature).split("\n");
  expect(digest).toBe(new Bun.CryptoHasher("sha256").update(image).digest("hex"));
  const seconds = Number(/^ts: (\d+)$/.exec(time ?? "")?.[1]);
  expect(seconds).toBeGreaterThan(1_700_000_000);

  await server.step(({ detail }) => detail.includes("was fetched"));
  expect((await eeprom()).offer?.state).toBe("fetched");
  expect(await fetched(`${KEY}/pieeprom.sig`)).toBeString();
  await post("/v1/bootloader", { written: `${seconds}`, config: OWN.replace("0xf41", "0xf21") });
  expect((await eeprom()).offer?.state).toBe("done");
  expect((await server.step(({ detail }) => detail.startsWith("The EEPROM is updated"))).detail).toContain(
    "0xf21",
  );
});

test("that was fetched and not written is said, and offered again until it is taken back", async () => {
  await seen("Raspberry Pi 4 Model B");
  await eeprom("--boot-order", "0xf21");
  await fetched(`${KEY}/pieeprom.upd`);
  await server.step(({ detail }) => detail.includes("was fetched"));
  await post("/v1/bootloader", { written: "1700000000", config: OWN });
  expect((await server.step(({ detail }) => detail.includes("did not write it"))).fix).toContain(
    "FREEZE_VERSION",
  );
  expect((await eeprom()).offer?.state).toBe("offered");
  expect((await eeprom("--cancel")).offer).toBeNull();
  expect(await fetched(`${KEY}/pieeprom.upd`)).toBeString();
});

test("is another Pi's business no more than its files are", async () => {
  await seen("Raspberry Pi 4 Model B");
  await eeprom("--boot-order", "0xf21");
  expect(await fetched("00000001/pieeprom.upd")).toBeString();
});

test("is refused in words for a board without one, a model that is not known, an order that is none, and without Raspberry Pi's file", async () => {
  await post("/v1/report", { stage: "kernel", state: "ok" });
  expect(await refused("--boot-order", "0xf21")).toContain("what model it is");
  await seen("Raspberry Pi 3 Model B");
  expect(await refused("--boot-order", "0xf21")).toContain("--pi3-otp");
  await seen("Raspberry Pi 5 Model B");
  expect(await refused("--boot-order", "0xf21")).toContain("firmware-2712/default");
  expect(await refused("--boot-order", "f21")).toContain("boot_order");
  expect(await refused("--cancel")).toContain("Nothing is offered");
});

test("settings that no EEPROM could hold are not taken from the network", async () => {
  await seen("Raspberry Pi 4 Model B");
  expect(await post("/v1/bootloader", { written: "1", config: "x".repeat(5000) })).toBe(400);
  expect(await post("/v1/bootloader", { written: "1", config: "x".repeat(50_000) })).toBe(413);
  expect(await post("/v1/bootloader", { written: "x", config: "A=\u001b[2J1\n" })).toBe(204);
  expect((await eeprom()).bootloader).toEqual({ config: "A=?[2J1\n", written_at: null });
});

test("sends the firmware's log here, which shows as this Pi's own", async () => {
  await seen("Raspberry Pi 4 Model B");
  expect((await eeprom("--netconsole")).offer?.netconsole).toBe(true);
  const image = await fetched(`${KEY}/pieeprom.upd`);
  if (typeof image === "string") throw new Error(image);
  const conf = EepromImage.parse(image).bootconf();
  expect(/^NETCONSOLE=@169\.254\.\d+\.\d+\/,@\/$/m.exec(conf), conf).not.toBeNull();
  const listening = await server.step(({ detail }) => detail.includes("logs of firmwares"));
  const port = Number(/\d+$/.exec(listening.detail)?.[0]);
  const sender = await Bun.udpSocket({ hostname: "127.0.0.1" });
  // This machine is the Pi: the address that it was seen at.
  sender.send("PM_RSTS: 0x1000\nNET_BOOT: <b>", port, "127.0.0.1");
  sender.send("dc:a6:32:01:36:c2\n", port, "127.0.0.1");
  const line = await server.step(({ detail }) => detail.startsWith("NET_BOOT"));
  expect(line).toMatchObject({ pi: KEY, stage: "console", detail: "NET_BOOT: <b>dc:a6:32:01:36:c2" });
  sender.close();
});
