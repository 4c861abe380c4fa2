/** `kill -9` of the server in the middle of reset, snapshot, branch, commit and removal: the state before, or the one after. */
import { Database } from "bun:sqlite";
import { afterAll, beforeAll, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { expectCheckClean } from "../disk/qemu.ts";
import {
  CreatedSessionSchema,
  type CreatedSession,
  iscsiUrl,
  qemuIo,
  temporaryFolder,
  TestServer,
} from "../support/pinetboot.ts";
import { describeWith } from "../support/tools.ts";

/** Kills for each verb. */
const ROUNDS = process.env["PINETBOOT_LONG"] === "1" ? 40 : 3;
const SECTOR_PATTERN_BYTES = "1M";

const SessionSchema = z.looseObject({ id: z.string(), snapshots: z.array(z.string()) });
const ImageSchema = z.looseObject({ id: z.string(), name: z.string() });

type Verb = "reset" | "snapshots" | "branch" | "commit" | "remove";

describeWith(["qemu-io", "qemu-img"], "a server that is killed while it changes a session", () => {
  let folder = temporaryFolder("life-kill");
  let server: TestServer;
  let seed = 20_261;

  beforeAll(async () => {
    folder = temporaryFolder("life-kill");
    server = await TestServer.start({ data: join(folder.path, "data") });
  });
  afterAll(async () => {
    await server.stop("SIGKILL");
    folder.dispose();
  });

  const ask = async <T>(schema: z.ZodType<T>, path: string): Promise<T> =>
    schema.parse(await (await fetch(`${server.ready.http}${path}`)).json());
  const sessions = () => ask(z.array(SessionSchema), "/api/sessions");
  const images = () => ask(z.array(ImageSchema), "/api/images");

  function send(verb: Verb, id: string): Promise<unknown> {
    const url = `${server.ready.http}/api/sessions/${id}`;
    return verb === "remove"
      ? fetch(url, { method: "DELETE" })
      : fetch(`${url}/${verb}`, {
          method: "POST",
          body: JSON.stringify(verb === "snapshots" ? { name: "killed" } : {}),
          headers: { "content-type": "application/json" },
        });
  }

  /** Resolves when what was begun is through, as an observer sees it. */
  async function through(verb: Verb): Promise<void> {
    if (verb !== "commit") return;
    const JobsSchema = z.array(z.looseObject({ state: z.string() }));
    while ((await ask(JobsSchema, "/api/jobs")).some(({ state }) => state === "running")) await Bun.sleep(5);
  }

  async function timeOf(verb: Verb): Promise<number> {
    const session = await written(1);
    const startedAt = performance.now();
    await send(verb, session.id);
    await through(verb);
    return performance.now() - startedAt;
  }

  /** A session that holds the pattern, closed. */
  async function written(pattern: number): Promise<CreatedSession> {
    const session = await server.createSession({ image: "blank", size: "8M" });
    const words = `write -P ${pattern} 0 ${SECTOR_PATTERN_BYTES}`;
    expect((await qemuIo(iscsiUrl(session), words, "flush")).code).toBe(0);
    await server.step(({ detail }) => detail.includes(`logged out of session ${session.id}`));
    return session;
  }

  async function holds(session: CreatedSession, pattern: number): Promise<boolean> {
    const at = iscsiUrl(session, { portal: server.ready.iscsi ?? "" });
    return (await qemuIo(at, `read -P ${pattern} 0 ${SECTOR_PATTERN_BYTES}`)).code === 0;
  }

  /** What the answer that was lost with the server would have said. */
  function secretOf(id: string): CreatedSession {
    const database = new Database(join(server.data, "pinetboot.db"), { readonly: true });
    const RowSchema = z.object({ iqn: z.string(), chap_user: z.string(), chap_secret: z.string() });
    const row = RowSchema.parse(
      database.query("SELECT iqn, chap_user, chap_secret FROM sessions WHERE id = ?").get(id),
    );
    database.close();
    return CreatedSessionSchema.parse({
      ...row,
      id,
      portal: server.ready.iscsi,
      luns: [],
      persistent: true,
      created_at: new Date().toISOString(),
      expires_at: null,
    });
  }

  async function killDuring(verb: Verb, id: string, afterMs: number): Promise<void> {
    const answer = send(verb, id).catch(() => undefined);
    await Bun.sleep(afterMs);
    await server.stop("SIGKILL");
    await answer;
    server = await TestServer.start({ data: server.data });
  }

  /** The checks of each verb; each returns what it found, so that a run shows that kills hit both sides. */
  const judge: Record<Verb, (session: CreatedSession, pattern: number) => Promise<"before" | "after">> = {
    async reset(session, pattern) {
      const before = await holds(session, pattern);
      expect(before || (await holds(session, 0))).toBe(true);
      return before ? "before" : "after";
    },
    async snapshots(session, pattern) {
      expect(await holds(session, pattern)).toBe(true);
      const taken = (await sessions()).find(({ id }) => id === session.id)?.snapshots.includes("killed");
      if (taken !== true) return "before";
      await server.step(({ detail }) => detail.includes(`logged out of session ${session.id}`));
      expect((await server.cli("session", "restore", session.id, "killed")).code).toBe(0);
      expect(await holds(session, pattern)).toBe(true);
      return "after";
    },
    async branch(session, pattern) {
      expect(await holds(session, pattern)).toBe(true);
      const BranchSchema = z.array(z.looseObject({ id: z.string(), branch_of: z.string().nullable() }));
      const branch = (await ask(BranchSchema, "/api/sessions")).find(
        ({ branch_of }) => branch_of === session.id,
      );
      if (!branch) return "before";
      expect(await holds(secretOf(branch.id), pattern)).toBe(true);
      return "after";
    },
    async commit(session, pattern) {
      expect(await holds(session, pattern)).toBe(true);
      const image = (await images()).find(({ name }) => name === `session-${session.id}`);
      if (!image) return "before";
      const bytes = await Bun.file(join(server.data, "images", `${image.id}.img`)).arrayBuffer();
      expect(Bun.SHA256.hash(bytes, "hex")).toBe(image.id);
      return "after";
    },
    async remove(session, pattern) {
      if (!(await sessions()).some(({ id }) => id === session.id)) return "after";
      expect(await holds(session, pattern)).toBe(true);
      return "before";
    },
  };

  for (const verb of ["reset", "snapshots", "branch", "commit", "remove"] as const)
    test(
      `${verb}: ${ROUNDS} kills leave the state before or after, and no file that nobody needs`,
      async () => {
        const usualMs = await timeOf(verb);
        const found: string[] = [];
        for (let round = 1; round <= ROUNDS; round += 1) {
          const pattern = 1 + ((round * 37) % 200);
          const session = await written(pattern);
          seed = (seed * 48_271) % 0x7fffffff;
          const part = ROUNDS > 10 ? (seed % 1000) / 800 : (round - 0.5) / ROUNDS;
          await killDuring(verb, session.id, usualMs * part);
          found.push(await judge[verb](session, pattern));
          const GcSchema = z.looseObject({ items: z.array(z.unknown()) });
          expect(await server.json(GcSchema, "image", "gc", "--dry-run")).toMatchObject({ items: [] });
          expect(readdirSync(join(server.data, "images")).filter((name) => name.startsWith("."))).toEqual([]);
        }
        console.log(`${verb}: ${found.join(" ")}`);
      },
      ROUNDS * 20_000,
    );

  test("every overlay and layer that is left is in order", async () => {
    await server.stop();
    const overlays = join(server.data, "overlays");
    const files = readdirSync(overlays);
    expect(files.length).toBeGreaterThan(0);
    for (const file of files) {
      expect(file).toEndWith(".qcow2");
      await expectCheckClean(join(overlays, file));
    }
  }, 60_000);
});
