/** `kill -9` of the whole server under a real initiator: not one acknowledged write is lost, flushed or not. */
import { afterAll, expect, test } from "bun:test";
import { watch } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { openOverlay } from "../../src/disk/qcow2/open.ts";
import { openRawFile } from "../../src/disk/raw-file.ts";
import { readAll } from "../support/layer-contract.ts";
import { type CreatedSession, iscsiUrl, runProgram, TestServer } from "../support/pinetboot.ts";
import { temporaryFolder } from "../support/temporary.ts";
import { describeWith } from "../support/tools.ts";
import { compileWriter, type Durability, startWriter, WRITER_NEEDS } from "./writer/iscsi-writer.ts";
import {
  allowedAfterKill,
  answeredIn,
  lossesIn,
  readWriteLog,
  SECTOR_BYTES,
  tagsOf,
} from "./writer/write-log.ts";
import { expectCheckClean } from "./qemu.ts";

const ROUNDS = process.env["PINETBOOT_LONG"] === "1" ? 200 : 20;
const SECTORS = (24 * 2 ** 20) / SECTOR_BYTES;
const BASE_TAG = 0x0ba5e000;
const MODES: readonly Durability[] = ["mix", "none", "flush", "fua"];
/** Every so many rounds the disk is read back over iSCSI from the next server, in place of from its file. */
const OVER_ISCSI_EVERY = 5;

describeWith(
  ["qemu-img", ...WRITER_NEEDS],
  "a server that is killed again and again under an initiator",
  () => {
    const folder = temporaryFolder("kill-server");
    const data = join(folder, "data");
    const log = join(folder, "log");
    let server: TestServer | undefined;
    afterAll(() => server?.stop("SIGKILL"));

    test(
      `loses nothing in ${ROUNDS} rounds, and its base image stays as it is`,
      async () => {
        const program = compileWriter(folder);
        server = await TestServer.start({ data });
        const base = await importBase(server);
        const session = await server.createSession({ image: "base", size: "24M" });
        let holds: Uint32Array = new Uint32Array(SECTORS).fill(BASE_TAG, 0, base.sectors);
        let firstNumber = 1;
        let answered = 0;
        for (let round = 1; round <= ROUNDS; round += 1) {
          await Bun.write(log, "");
          const writer = await startWriter({
            program,
            url: urlAt(server, session),
            initiator: "iqn.2026-01.test:writer",
            log,
            mode: MODES[round % MODES.length] ?? "mix",
            firstNumber,
            seed: round,
            sectors: SECTORS,
            commands: 1_000_000,
          });
          await logHolds(24 * (20 + ((round * 613) % 2500)), writer.exited);
          await server.stop("SIGKILL");
          expect(await writer.exited).toBe(3);
          const commands = readWriteLog(await Bun.file(log).arrayBuffer());
          expect(commands.filter(({ refused }) => refused)).toEqual([]);
          answered += answeredIn(commands);
          let disk: Uint8Array;
          if (round % OVER_ISCSI_EVERY === 0) {
            server = await TestServer.start({ data });
            disk = await readOverIscsi(urlAt(server, session));
          } else {
            disk = await readFile(session, base.id);
            server = await TestServer.start({ data });
          }
          expect(lossesIn(disk, allowedAfterKill(holds, commands))).toEqual([]);
          holds = tagsOf(disk);
          firstNumber += commands.length;
        }
        await server.stop();
        await expectCheckClean(overlayOf(session));
        expect(await sha256(base.path)).toBe(base.sha256);
        console.log(`${ROUNDS} kills, ${answered} acknowledged commands, 0 lost`);
      },
      60_000 + ROUNDS * 15_000,
    );

    async function importBase(
      to: TestServer,
    ): Promise<{ id: string; path: string; sha256: string; sectors: number }> {
      const sectors = (8 * 2 ** 20) / SECTOR_BYTES;
      const source = join(folder, "base.img");
      await Bun.write(source, new Uint32Array((sectors * SECTOR_BYTES) / 4).fill(BASE_TAG));
      const imported = await to.json(
        z.object({ id: z.string() }),
        "image",
        "import",
        source,
        "--name",
        "base",
      );
      const path = join(data, "images", `${imported.id}.img`);
      return { id: imported.id, path, sha256: await sha256(path), sectors };
    }

    const overlayOf = (session: CreatedSession): string => join(data, "overlays", `${session.id}.qcow2`);

    /** Reads the disk as the next server would, which mends it; then QEMU's check must find nothing. */
    async function readFile(session: CreatedSession, image: string): Promise<Uint8Array> {
      const layer = await openRawFile(join(data, "images", `${image}.img`), { readOnly: true });
      const overlay = await openOverlay(overlayOf(session), {
        backing: { name: `../images/${image}.img`, layer },
      });
      expect(overlay.recovery.kind).toBe("killed");
      const disk = await readAll(overlay);
      await overlay.close();
      await expectCheckClean(overlayOf(session));
      return disk;
    }

    async function readOverIscsi(url: string): Promise<Uint8Array> {
      const copy = join(folder, "copy.img");
      const { code, stderr } = await runProgram(["qemu-img", "convert", "-O", "raw", url, copy]);
      expect(stderr).toBe("");
      expect(code).toBe(0);
      return Bun.file(copy).bytes();
    }

    /** Resolves when the log has so many bytes. */
    async function logHolds(bytes: number, ended: Promise<unknown>): Promise<void> {
      const { promise, resolve } = Promise.withResolvers<void>();
      const look = (): void => {
        if (Bun.file(log).size >= bytes) resolve();
      };
      const watcher = watch(log, look);
      look();
      await Promise.race([promise, ended]);
      watcher.close();
    }
  },
);

/** The session at the portal of the server that runs now: its port is another each time. */
function urlAt(server: TestServer, session: CreatedSession): string {
  return iscsiUrl(session, { portal: server.ready.iscsi ?? "" });
}

async function sha256(path: string): Promise<string> {
  return Bun.SHA256.hash(await Bun.file(path).arrayBuffer(), "hex");
}
