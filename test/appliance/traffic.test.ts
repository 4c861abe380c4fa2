/** Throughput as it happens, and the end of a login by a person's word. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { z } from "zod";
import { iscsiUrl, qemuIo, temporaryFolder, TestServer } from "../support/pinetboot.ts";
import { sseFrame } from "../support/sse.ts";
import { describeWith } from "../support/tools.ts";

const TrafficSchema = z.strictObject({
  read_bytes: z.int(),
  written_bytes: z.int(),
  read_bytes_per_second: z.int(),
  written_bytes_per_second: z.int(),
});
const NewsSchema = z.strictObject({
  at: z.number(),
  sessions: z.array(TrafficSchema.extend({ id: z.string() })),
});
const SessionSchema = z.looseObject({
  iqn: z.string(),
  initiators: z.array(z.looseObject({ address: z.string() })),
  traffic: TrafficSchema,
});
const WRITTEN = 8 * 2 ** 20;

describeWith(["qemu-io"], "while a disk is used", () => {
  const folder = temporaryFolder("traffic");
  let server: TestServer;

  beforeAll(async () => {
    server = await TestServer.start({ data: join(folder.path, "data") });
  });
  afterAll(async () => {
    await server.stop("SIGKILL");
    folder.dispose();
  });

  const sessionOf = async (id: string): Promise<z.infer<typeof SessionSchema>> =>
    SessionSchema.parse(await (await fetch(`${server.ready.http}/api/sessions/${id}`)).json());

  test("the stream tells its throughput, and once that it is silent again", async () => {
    const session = await server.createSession({ image: "blank", size: "64M" });
    const streams = [
      await fetch(`${server.ready.http}/api/events`),
      await fetch(`${server.ready.http}/api/events`),
    ] as const;
    const told = (
      stream: Response,
      holds: (row: z.infer<typeof NewsSchema>["sessions"][number]) => boolean,
    ) =>
      sseFrame(
        stream,
        ({ event, id, data }) =>
          event === "traffic" &&
          id === undefined &&
          NewsSchema.parse(JSON.parse(data)).sessions.some((row) => row.id === session.id && holds(row)),
      );
    const busy = told(streams[0], (row) => row.written_bytes_per_second > 0);
    const silent = told(
      streams[1],
      (row) => row.written_bytes >= WRITTEN && row.written_bytes_per_second === 0,
    );
    expect((await qemuIo(iscsiUrl(session), "write -P 1 0 8M", "read -P 1 0 1M")).code).toBe(0);
    await busy;
    await silent;
    const { traffic } = await sessionOf(session.id);
    expect(traffic).toMatchObject({ written_bytes: WRITTEN, written_bytes_per_second: 0 });
    expect(traffic.read_bytes).toBeGreaterThanOrEqual(2 ** 20);
    // What a Prometheus server reads says the same.
    const metrics = await fetch(`${server.ready.http}/metrics`);
    expect(metrics.headers.get("content-type")).toBe("text/plain; version=0.0.4; charset=utf-8");
    const text = await metrics.text();
    expect(text).toContain(`pinetboot_session_written_bytes_total{session="${session.id}"} ${WRITTEN}\n`);
    expect(text).toContain(
      `pinetboot_session_read_bytes_total{session="${session.id}"} ${traffic.read_bytes}\n`,
    );
    expect(text).toMatch(/^pinetboot_events_total\{stage="login",state="ok"\} [1-9]/m);
  });

  test("disconnect ends the login and keeps the session with what was written", async () => {
    const session = await server.createSession({ image: "blank", size: "8M" });
    expect((await qemuIo(iscsiUrl(session), "write -P 7 0 64k", "flush")).code).toBe(0);
    const holder = Bun.spawn(["qemu-io", "-f", "raw", iscsiUrl(session)], {
      stdin: "pipe",
      stdout: "ignore",
      stderr: "ignore",
    });
    try {
      const isLogin = ({ stage, state, detail }: { stage: string; state: string; detail: string }) =>
        stage === "login" && state === "ok" && detail.includes(session.id);
      await server.step(() => server.steps.filter(isLogin).length === 2);
      const loggedInAt = server.steps.findLastIndex(isLogin);
      const { initiators } = await sessionOf(session.id);
      expect(initiators).toMatchObject([{ address: "127.0.0.1" }]);
      const after = await server.json(SessionSchema, "session", "disconnect", session.id);
      expect(after.iqn).toBe(session.iqn);
      await server.step(({ detail }) => detail === `127.0.0.1 was disconnected from session ${session.id}`);
      // The word of the target itself: it asked for the logout, or ended the connection.
      const ends = ["127.0.0.1 logged out of", "The connection of 127.0.0.1 to"].map(
        (end) => `${end} session ${session.id}`,
      );
      await server.step(
        (step) => server.steps.indexOf(step) > loggedInAt && ends.some((end) => step.detail.startsWith(end)),
      );
    } finally {
      holder.kill("SIGKILL");
      await holder.exited;
    }
    expect((await qemuIo(iscsiUrl(session), "read -P 7 0 64k")).code).toBe(0);
  });
});
