/** `pinetboot demo` */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buildCommand } from "@stricli/core";
import { ApplianceError } from "../../appliance/index.ts";
import { findProgram, makeDemoImage, MKE2FS, powerOn, QEMU } from "../../demo/index.ts";
import { type Api, read } from "../backend.ts";
import { uploadBytes } from "../upload.ts";
import { propose } from "../complete-names.ts";
import { demoServer, type DemoServer } from "../demo-server.ts";
import { localFlags, type LocalFlags, text, timeFlag } from "../flags.ts";

interface DemoFlags extends LocalFlags {
  readonly image?: string;
  readonly ask: boolean;
  readonly timeout?: number;
}

/** Of no board that was ever made, and of the addresses that anyone may give out. */
const SERIAL = "10000000de300001";
const MAC = "02:00:de:30:00:01";
const IMAGE = "demo";
/** Long enough for a stage to be read, short enough not to miss one. */
const LOOK_MS = 500;

export const demoCommand = buildCommand({
  docs: {
    brief: "Boot a virtual Raspberry Pi, to see it work without any hardware",
    fullDescription:
      "The Pi fetches its files from the server that runs here, or from one that is started for it on loopback, runs in QEMU\n" +
      "as an ordinary user's program, and shows up on the page like any other, but for DHCP, which needs a real network.\n" +
      "Ctrl-C takes its power away.\n\nExamples:\n  pinetboot demo\n  pinetboot demo --ask      (choose its image on the page)",
  },
  parameters: {
    flags: {
      ...localFlags,
      image: {
        kind: "parsed",
        parse: text,
        proposeCompletions: propose("images"),
        brief: "What it boots: an image for 64-bit ARM (default: a tiny one, made for it)",
        placeholder: "name",
        optional: true,
      },
      ask: {
        kind: "boolean",
        brief: "Choose nothing for it: it waits for a person",
        default: false,
        withNegated: false,
      },
      timeout: timeFlag("End after this time, with 1 unless it has come up"),
    },
  },
  async func(flags: DemoFlags) {
    if (findProgram(QEMU) === undefined)
      throw new ApplianceError("not-found", `A virtual Pi needs ${QEMU}`, "sudo apt install qemu-system-arm");
    const end = new AbortController();
    const interrupt = (): void => end.abort();
    for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, interrupt);
    const timer = flags.timeout === undefined ? undefined : setTimeout(interrupt, flags.timeout);
    const folder = await mkdtemp(join(tmpdir(), "pinetboot-demo-"));
    let server: DemoServer | undefined;
    try {
      server = await demoServer(flags, folder, end.signal);
      const isUp = await run(server, flags, folder, end.signal);
      if (!isUp && flags.timeout !== undefined)
        throw new ApplianceError("timeout", "The virtual Pi had not come up when its time was over");
    } finally {
      clearTimeout(timer);
      await server?.stop();
      await rm(folder, { recursive: true, force: true });
    }
  },
});

/** Boots it until the signal; true when it has reached its own system. */
async function run(
  { api, tftp, page }: DemoServer,
  { image, ask, json }: DemoFlags,
  folder: string,
  signal: AbortSignal,
): Promise<boolean> {
  const say = (words: string): void => {
    if (!json) console.log(words);
  };
  const key = SERIAL.slice(-8);
  if (!ask) {
    const chosen = image ?? (await ownImage(api, folder));
    await api.client.pis[":key"].assignment.$put({
      param: { key },
      json: { image: chosen, persistent: false },
    });
  }
  say(`A virtual Raspberry Pi ${key} is switched on.${page === null ? "" : ` Watch it at ${page}`}`);
  const pi = await powerOn({ serial: SERIAL, mac: MAC, tftp, folder: join(folder, "pi"), signal });
  const complaint = new Response(pi.stderr).text();
  void new Response(pi.stdout).arrayBuffer();
  let said = "";
  let isUp = false;
  while (pi.exitCode === null && pi.signalCode === null) {
    const { latest } = await read(api.client.pis[":key"].$get({ param: { key } }));
    const words = latest === null ? "" : `${latest.stage} ${latest.state}: ${latest.detail}`;
    if (words !== said) say(words);
    said = words;
    if (!isUp && latest?.stage === "handover" && latest.state === "ok") {
      isUp = true;
      say("It runs from its disk over the network. Ctrl-C takes its power away.");
    }
    await Promise.race([pi.exited, Bun.sleep(LOOK_MS)]);
  }
  if (!signal.aborted && pi.exitCode !== 0)
    throw new ApplianceError("internal", `${QEMU} ended: ${(await complaint).trim().slice(0, 300)}`);
  say("The virtual Pi is off.");
  return isUp;
}

/** The tiny image, imported when the library has it not yet. */
async function ownImage(api: Api, folder: string): Promise<string> {
  const images = await read(api.client.images.$get({ query: {} }));
  if (images.some(({ names }) => names.includes(IMAGE))) return IMAGE;
  if (findProgram(MKE2FS) === undefined)
    throw new ApplianceError(
      "not-found",
      `The demo's own image needs ${MKE2FS}`,
      "sudo apt install e2fsprogs, or pinetboot demo --image NAME with an image for 64-bit ARM.",
    );
  const path = join(folder, "demo.img");
  await makeDemoImage(path, folder);
  const { id } = await read(
    api.client.images.$post({ json: { upload: { file: "demo.img" }, name: IMAGE, format: "raw" } }),
  );
  await uploadBytes(api, id, Bun.file(path).stream(), { signal: AbortSignal.timeout(UPLOAD_MS) });
  for (;;) {
    const job = await read(api.client.imports[":id"].$get({ param: { id } }));
    if (job.error) throw new ApplianceError(job.error.code, job.error.message, job.error.fix ?? undefined);
    if (job.state === "done") return IMAGE;
    await Bun.sleep(LOOK_MS);
  }
}

/** 16 MiB by a socket of this computer. */
const UPLOAD_MS = 60_000;
