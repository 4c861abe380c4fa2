/** The life of a session as an initiator and a person meet it: refusals, a live snapshot, a full quota, an export. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { z } from "zod";
import {
  type CreatedSession,
  iscsiUrl,
  qemuIo,
  runProgram,
  temporaryFolder,
  TestServer,
} from "../support/pinetboot.ts";
import { describeWith } from "../support/tools.ts";

const ProblemSchema = z.looseObject({ code: z.string(), detail: z.string(), fix: z.string().nullable() });

describeWith(["qemu-io", "qemu-img", "xz"], "the life of a session", () => {
  let folder = temporaryFolder("life");
  let server: TestServer;

  beforeAll(async () => {
    folder = temporaryFolder("life");
    server = await TestServer.start({ data: join(folder.path, "data") });
  });
  afterAll(async () => {
    await server.stop("SIGKILL");
    folder.dispose();
  });

  /** An initiator that stays logged in and does what it is told; `answer` resolves with what it says to one command. */
  async function initiatorOf(session: CreatedSession) {
    const child = Bun.spawn(["qemu-io", "-f", "raw", iscsiUrl(session)], {
      stdin: "pipe",
      stdout: "pipe",
      stderr: "inherit",
    });
    const reader = child.stdout.getReader();
    let said = "";
    const until = async (words: RegExp): Promise<string> => {
      for (;;) {
        const match = words.exec(said);
        if (match) {
          said = said.slice(match.index + match[0].length);
          return match[0];
        }
        const { done, value } = await reader.read();
        if (done) throw new Error(`qemu-io ended: ${said}`);
        said += new TextDecoder().decode(value);
      }
    };
    await server.step(
      ({ stage, state, detail }) => stage === "login" && state === "ok" && detail.includes(session.id),
    );
    return {
      async answer(command: string): Promise<string> {
        await child.stdin.write(`${command}\n`);
        await child.stdin.flush();
        return until(/(?:wrote|read|discard) \d+\/\d+|failed: [^\n]+|Pattern verification failed[^\n]*/);
      },
      async logOut(): Promise<void> {
        await child.stdin.end();
        await child.exited;
        await server.step(({ detail }) => detail.includes(`logged out of session ${session.id}`));
      },
    };
  }

  const file = (ending: string) => join(folder.path, `disk${ending}`);
  const post = (path: string, body: object) =>
    fetch(`${server.ready.http}/api/sessions/${path}`, {
      method: "POST",
      body: JSON.stringify(body),
      headers: { "content-type": "application/json" },
    });

  test("what would pull the disk from under an initiator is a 409 that names it and the way out", async () => {
    const session = await server.createSession({ image: "blank", size: "8M" });
    const initiator = await initiatorOf(session);
    for (const verb of ["reset", "restore", "branch", "commit", "snapshots"]) {
      const response = await post(`${session.id}/${verb}`, verb === "restore" ? { snapshot: "one" } : {});
      const problem = ProblemSchema.parse(await response.json());
      expect({ verb, status: response.status, code: problem.code }).toEqual({
        verb,
        status: 409,
        code: "in-use",
      });
      expect(problem.detail).toMatch(/logged in from 127\.0\.0\.1 \(iqn\./);
      expect(problem.fix).toContain("Log out there first");
    }
    const refused = await server.cli("session", "export", session.id, join(folder.path, "no.img"));
    expect(refused).toMatchObject({ code: 1, stderr: expect.stringContaining("127.0.0.1 (iqn.") });
    await initiator.logOut();
    expect((await post(`${session.id}/reset`, {})).status).toBe(200);
  });

  test("files are written for the person at the socket alone, never for whoever reaches the port", async () => {
    const session = await server.createSession({ image: "blank", size: "8M" });
    const response = await post(`${session.id}/export`, { path: join(folder.path, "no.img") });
    expect(response.status).toBe(403);
  });

  test("a live snapshot is taken while the initiator writes on, and a restore brings that moment back", async () => {
    const session = await server.createSession({ image: "blank", size: "8M" });
    const initiator = await initiatorOf(session);
    expect(await initiator.answer("write -P 1 0 1M")).toStartWith("wrote");
    const taken = await server.cli("session", "snapshot", session.id, "--live", "--name", "live");
    expect(taken).toMatchObject({ code: 0 });
    expect(await initiator.answer("write -P 2 0 64k")).toStartWith("wrote");
    expect(await initiator.answer("read -P 2 0 64k")).toStartWith("read");
    expect(await initiator.answer("read -P 1 64k 64k")).toStartWith("read");
    await initiator.logOut();
    expect((await server.cli("session", "restore", session.id, "live")).code).toBe(0);
    expect((await qemuIo(iscsiUrl(session), "read -P 1 0 1M")).code).toBe(0);
  });

  test("a full quota is told to the initiator as a lack of space, and the same login goes on when there is room", async () => {
    const session = await server.createSession({ image: "blank", size: "16M", quota: "2M" });
    const initiator = await initiatorOf(session);
    expect(await initiator.answer("write -P 1 0 1M")).toStartWith("wrote");
    expect(await initiator.answer("write -P 2 4M 4M")).toContain("No space left");
    const full = await server.step(({ detail }) => detail.includes("has used up its quota of 2 MiB"));
    expect(full.fix).toContain(`session set ${session.id} --quota`);
    expect(await initiator.answer("read -P 1 0 1M")).toStartWith("read");
    expect(await initiator.answer("discard 0 1M")).toStartWith("discard");
    expect(await initiator.answer("write -P 3 8M 512k")).toStartWith("wrote");
    expect((await server.cli("session", "set", session.id, "--quota", "12M")).code).toBe(0);
    expect(await initiator.answer("write -P 2 4M 4M")).toStartWith("wrote");
    await initiator.logOut();
    expect((await qemuIo(iscsiUrl(session), "read -P 2 4M 4M", "read -P 3 8M 512k")).code).toBe(0);
  });

  test("an exported disk is what the initiator saw, in each format", async () => {
    const session = await server.createSession({ image: "blank", size: "8M" });
    expect((await qemuIo(iscsiUrl(session), "write -P 5 1M 1M", "write -P 6 7M 1M", "flush")).code).toBe(0);
    await server.step(({ detail }) => detail.includes(`logged out of session ${session.id}`));
    for (const ending of [".img", ".qcow2", ".img.xz"])
      expect(await server.cli("session", "export", session.id, file(ending))).toMatchObject({ code: 0 });
    expect(await server.cli("session", "export", session.id, file(".img"))).toMatchObject({ code: 1 });
    const seen = await runProgram([
      "qemu-img",
      "compare",
      "-f",
      "raw",
      "-F",
      "raw",
      iscsiUrl(session),
      file(".img"),
    ]);
    expect(seen).toMatchObject({ code: 0 });
    const same = await runProgram([
      "qemu-img",
      "compare",
      "-f",
      "qcow2",
      "-F",
      "raw",
      file(".qcow2"),
      file(".img"),
    ]);
    expect(same).toMatchObject({ code: 0 });
    expect((await runProgram(["xz", "-t", file(".img.xz")])).code).toBe(0);
  });

  test("a backup is refused while the server runs, with who is in the way", async () => {
    const refused = await server.cli("backup", join(folder.path, "backup.tar"), "--json");
    expect(JSON.parse(refused.stderr)).toMatchObject({
      error: { code: "data-folder-locked", message: expect.stringContaining(`process ${server.pid}`) },
    });
  });
});
