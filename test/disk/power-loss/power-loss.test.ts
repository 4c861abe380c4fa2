/**
 * The computer of the server loses power while initiators write: whatever was acknowledged by SYNCHRONIZE CACHE or FUA is
 * there afterwards, no metadata is torn, and the initiators that ran on are kept out.
 *
 * One machine is killed under three writers at once. Its disk is then put together as many other moments, and other
 * choices of what a disk had written by then, would have left it.
 */
import { afterAll, expect, test } from "bun:test";
import { copyFileSync, mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { openAppliance } from "../../../src/appliance/index.ts";
import { openOverlay } from "../../../src/disk/qcow2/open.ts";
import { openRawFile } from "../../../src/disk/raw-file.ts";
import { LINUX_NEEDS } from "../../iscsi/linux-initiator.ts";
import { readAll } from "../../support/layer-contract.ts";
import { type CreatedSession, iscsiUrl, TestServer } from "../../support/pinetboot.ts";
import { temporaryFolder } from "../../support/temporary.ts";
import { describeWith } from "../../support/tools.ts";
import { expectCheckClean } from "../qemu.ts";
import {
  compileWriter,
  type Durability,
  startWriter,
  WRITER_NEEDS,
  type Writer,
} from "../writer/iscsi-writer.ts";
import {
  allowedAfterPowerLoss,
  answeredIn,
  type Command,
  type Loss,
  lossesIn,
  readWriteLog,
  SECTOR_BYTES,
} from "../writer/write-log.ts";
import { type Computer, startComputer } from "./machine.ts";
import { losePower, readRecording, type Recording } from "./recorded-writes.ts";
import { takeOut } from "./survivors.ts";

const IS_LONG = process.env["PINETBOOT_LONG"] === "1";
/** Machines that are killed, and moments at which the power of each is cut. */
const MACHINES = IS_LONG ? 5 : 1;
const MOMENTS = IS_LONG ? 10 : 4;
const RECORDED_BYTES = 48 * 2 ** 20;
const WRITING_MS = 60_000;
/** A boot without hardware virtualisation on a machine that is busy with other suites, and the download of its kernel. */
const TIMEOUT_MS = 600_000;

const MODES = ["flush", "fua", "none"] as const satisfies readonly Durability[];
const SECTORS = (24 * 2 ** 20) / SECTOR_BYTES;
const BASE_SECTORS = (8 * 2 ** 20) / SECTOR_BYTES;
const BASE_TAG = 0x0ba5e000;
const holds = new Uint32Array(SECTORS).fill(BASE_TAG, 0, BASE_SECTORS);

interface Disk {
  readonly session: CreatedSession;
  readonly mode: Durability;
  readonly initiator: string;
  readonly log: string;
}

interface Killed {
  readonly computer: Computer;
  readonly recording: Recording;
  readonly image: string;
  readonly disks: readonly (Disk & { readonly commands: readonly Command[] })[];
}

interface Found {
  readonly losses: Loss[];
  /** Why an overlay could not be opened or was not in order. */
  readonly damage: string[];
  readonly unfenced: string[];
}

describeWith(
  [...LINUX_NEEDS, ...WRITER_NEEDS, "qemu-img", "mke2fs", "e2fsck", "debugfs"],
  "a computer that loses power under three writers",
  () => {
    const folder = temporaryFolder("power-loss");
    const running: Computer[] = [];
    afterAll(() => Promise.all(running.map((computer) => computer.losePower())));

    test(
      `loses nothing that was flushed or written by FUA, at ${MACHINES * MOMENTS} moments`,
      async () => {
        for (let machine = 1; machine <= MACHINES; machine += 1) {
          const killed = await runAndKill(machine, false);
          expect(await look(killed, (image) => copyFileSync(killed.computer.disk, image), Infinity)).toEqual(
            NOTHING,
          );
          for (let moment = 1; moment <= MOMENTS; moment += 1) {
            const seed = machine * 1000 + moment;
            const found = await cut(killed, seed);
            expect({ seed, ...found }).toEqual({ seed, ...NOTHING });
          }
          console.log(storyOf(killed));
        }
      },
      TIMEOUT_MS * MACHINES,
    );

    test(
      "would be caught if its syncs did nothing",
      async () => {
        const killed = await runAndKill(0, true);
        const found = [];
        for (let moment = 1; moment <= 3; moment += 1) found.push(await cut(killed, moment));
        expect(found.flatMap(({ losses }) => losses)).not.toEqual([]);
      },
      TIMEOUT_MS,
    );

    /** Starts a computer, lets a writer of each kind write on a session of its own, and kills it. */
    async function runAndKill(number: number, syncsLie: boolean): Promise<Killed> {
      const own = join(folder, `machine-${number}`);
      const program = compileWriter(folder);
      const { data, image, sessions } = await prepare(own);
      const computer = await startComputer({ folder: own, data, syncsLie });
      running.push(computer);
      const disks = MODES.map((mode, index): Disk => {
        const session = sessions[index];
        if (!session) throw new Error("a session for each writer");
        return { session, mode, initiator: `iqn.2026-01.test:${mode}`, log: join(own, `${mode}.log`) };
      });
      const writers: Writer[] = [];
      for (const { session, mode, initiator, log } of disks)
        writers.push(
          await startWriter({
            program,
            url: iscsiUrl(session, { portal: computer.portal }),
            initiator,
            log,
            mode,
            firstNumber: 1,
            seed: number * 100 + writers.length,
            sectors: SECTORS,
            commands: 1_000_000,
            stampFile: computer.record,
          }),
        );
      await recorded(computer.record, writers);
      await computer.losePower();
      for (const writer of writers) expect(await writer.exited, computer.said()).toBe(3);
      const recording = readRecording(computer.record);
      const logged = [];
      for (const disk of disks)
        logged.push({ ...disk, commands: readWriteLog(await Bun.file(disk.log).arrayBuffer()) });
      return { computer, recording, image, disks: logged };
    }

    /** Cuts the power at a moment that the seed chooses: just after an acknowledgement, or anywhere. */
    async function cut(killed: Killed, seed: number): Promise<Found> {
      const chance = dice(seed);
      const { recording, disks, computer } = killed;
      const stamps = disks.flatMap(({ commands, mode }) =>
        mode === "none"
          ? []
          : commands.flatMap(({ doneStamp }) => (doneStamp === undefined ? [] : [doneStamp])),
      );
      const ends = recording.writes.map(({ end }) => end).filter((end) => end >= Math.min(...stamps));
      const from = seed % 2 === 0 ? stamps : ends;
      const stamp = from[Math.floor(chance() * from.length)] ?? 0;
      const odds = [0, 0.3, 0.7, 1][Math.floor(chance() * 4)] ?? 0;
      return look(
        killed,
        (image) => {
          copyFileSync(computer.before, image);
          losePower(image, recording, stamp, { chance, odds });
        },
        stamp,
      );
    }

    /** Brings the computer's disk back and compares all that is on it with what the writers were told until `stamp`. */
    async function look(killed: Killed, make: (image: string) => void, stamp: number): Promise<Found> {
      const place = join(folder, "after");
      mkdirSync(place, { recursive: true });
      try {
        const image = join(place, "disk.img");
        make(image);
        const data = takeOut(image, "pinetboot", join(place, "out"));
        const damage: string[] = [];
        const losses: Loss[] = [];
        const unfenced = await mendAndAskForFences(data, killed, stamp);
        for (const { session, commands } of killed.disks) {
          const path = join(data, "overlays", `${session.id}.qcow2`);
          if (
            !(await Bun.file(path).exists()) &&
            !commands.some(({ doneStamp }) => (doneStamp ?? Infinity) <= stamp)
          )
            continue;
          try {
            await expectCheckClean(path);
            const disk = await contentOf(path, data, killed.image);
            losses.push(...lossesIn(disk, allowedAfterPowerLoss(holds, commands, stamp)));
          } catch (error) {
            damage.push(String(error));
          }
        }
        return { losses, damage, unfenced };
      } finally {
        rmSync(place, { recursive: true });
      }
    }
  },
);

const NOTHING: Found = { losses: [], damage: [], unfenced: [] };

/** A data folder with an image and three sessions over it, made by a server of this machine. */
async function prepare(own: string): Promise<{ data: string; image: string; sessions: CreatedSession[] }> {
  const data = join(own, "data");
  mkdirSync(data, { recursive: true });
  const source = join(own, "base.img");
  await Bun.write(source, new Uint32Array((BASE_SECTORS * SECTOR_BYTES) / 4).fill(BASE_TAG));
  const server = await TestServer.start({ data: join(data, "pinetboot") });
  try {
    const Imported = z.object({ id: z.string() });
    const { id } = await server.json(Imported, "image", "import", source, "--name", "base");
    const sessions = [];
    for (const _ of MODES) sessions.push(await server.createSession({ image: "base", size: "24M" }));
    return { data, image: id, sessions };
  } finally {
    await server.stop();
  }
}

/** Starts on the folder as the server does, which mends every disk; names the initiators that would be let in. */
async function mendAndAskForFences(data: string, { disks }: Killed, stamp: number): Promise<string[]> {
  const appliance = await openAppliance({ dataFolder: data, purpose: "a look after the loss of power" });
  try {
    await appliance.sessions.mend();
    return disks
      .filter(({ commands }) => commands.some(({ doneStamp }) => (doneStamp ?? Infinity) <= stamp))
      .filter(({ session, initiator }) => !appliance.sessions.fence.isFenced(session.id, initiator))
      .map(({ initiator }) => initiator);
  } finally {
    await appliance.close();
  }
}

async function contentOf(path: string, data: string, image: string): Promise<Uint8Array> {
  const layer = await openRawFile(join(data, "images", `${image}.img`), { readOnly: true });
  const overlay = await openOverlay(path, { backing: { name: `../images/${image}.img`, layer } });
  try {
    return await readAll(overlay);
  } finally {
    await overlay.close();
  }
}

/** Resolves when enough was recorded, or the writers have ended. */
async function recorded(record: string, writers: readonly Writer[]): Promise<void> {
  const deadline = performance.now() + WRITING_MS;
  const ended = Promise.all(writers.map((writer) => writer.exited)).then(() => true);
  const begin = Bun.file(record).size;
  while (Bun.file(record).size - begin < RECORDED_BYTES && performance.now() < deadline)
    if (await Promise.race([ended, Bun.sleep(100).then(() => false)])) return;
}

function storyOf({ disks, recording }: Killed): string {
  const writers = disks.map(({ mode, commands }) => `${mode} ${answeredIn(commands)} acknowledged`);
  const flushes = recording.writes.filter(({ kind }) => kind === "flush").length;
  return `${writers.join(", ")}; ${recording.writes.length} disk writes, ${flushes} flushes`;
}

/** mulberry32. */
function dice(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t = (t + Math.imul(t ^ (t >>> 7), t | 61)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
