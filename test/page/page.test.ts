/** The page in a real browser, as a person uses it. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { z } from "zod";
import {
  type CreatedSession,
  iscsiUrl,
  LOOPBACK_FLAGS,
  qemuIo,
  TestServer,
  temporaryFolder,
} from "../support/pinetboot.ts";
import { describeWith } from "../support/tools.ts";
import { type Drive, driveBrowser } from "./drive.ts";

/** Catches a hang; a browser beside other suites takes its time. */
const FLOW_MS = 240_000;

describeWith(["node", "chromium", "qemu-io"], "the page", () => {
  const folder = temporaryFolder("page");
  let server: TestServer;
  let url: string;

  beforeAll(async () => {
    server = await TestServer.start({ data: join(folder.path, "data") });
    url = server.ready.http ?? "";
  });
  afterAll(async () => {
    await server.stop();
    folder.dispose();
  });

  test(
    "a new disk is used by what was copied from the page, and its secret is gone afterwards",
    async () => {
      const Copied = z.object({
        copied: z.record(z.string(), z.string()),
        secretStays: z.boolean(),
        errors: z.array(z.string()),
      });
      const { copied, secretStays, errors } = await drive("newDisk", Copied);
      const { Portal = "", Target = "", User = "", Secret = "", Linux } = copied;
      const login: Pick<CreatedSession, "iqn" | "portal" | "chap_user" | "chap_secret"> = {
        iqn: Target,
        portal: Portal,
        chap_user: User,
        chap_secret: Secret,
      };
      const write = await qemuIo(iscsiUrl(login), "write -P 0x5a 0 1M", "read -P 0x5a 0 1M");
      expect(write).toMatchObject({ code: 0 });
      expect(Linux).toContain(`-n node.session.auth.password -v ${Secret}`);
      expect(secretStays).toBe(false);
      expect(errors).toEqual([]);
    },
    FLOW_MS,
  );

  test(
    "a Pi that waits appears by itself, goes on when its image is chosen, and says why it stopped",
    async () => {
      const image = join(folder.path, "tiny.img");
      await Bun.write(image, new Uint8Array(2 ** 20).fill(7));
      expect(await server.cli("image", "import", image, "--name", "tiny")).toMatchObject({ code: 0 });
      const pi = "serial=10000000abcdef12&mac=dc:a6:32:01:02:03&boot=b1";
      const answer = z.object({ failure: z.string(), errors: z.array(z.string()) });
      const meanwhile = async (): Promise<void> => {
        const model = encodeURIComponent("Raspberry Pi 4 Model B Rev 1.4");
        let text = "";
        // The answer is held up until somebody chooses, a while at a time.
        while (!text.includes("state=ready"))
          text = await (
            await fetch(`http://${server.ready.report}/v1/parameters?${pi}&model=${model}`)
          ).text();
        const report = `${pi}&stage=login&state=fail&detail=${encodeURIComponent("<b>No</b> answer")}&fix=Look`;
        await fetch(`http://${server.ready.report}/v1/report`, { method: "POST", body: report });
      };
      const seen = await drive("choose", answer, { meanwhile });
      // What came from the network is text on the page, never markup.
      expect(seen).toEqual({ failure: "<b>No</b> answer Look", errors: [] });
      const wishes = await (await fetch(`${url}/api/pis/abcdef12/customise`)).json();
      expect(wishes).toMatchObject({ hostname: "kitchen" });
    },
    FLOW_MS,
  );

  test(
    "a file of the person's computer becomes an image, and a file again; a disk over it keeps a state, goes back to it, and is deleted",
    async () => {
      const file = join(folder.path, "uploaded.img");
      // More than one piece of an upload.
      await Bun.write(file, new Uint8Array(40 * 2 ** 20).fill(3));
      const Kept = z.object({
        errors: z.array(z.string()),
        cameFrom: z.string(),
        saved: z.object({ name: z.string(), bytes: z.number() }),
      });
      const { errors, cameFrom, saved } = await drive("addAndKeep", Kept, { file });
      expect(errors).toEqual([]);
      expect(cameFrom).toMatch(/^uploaded, imported from uploaded.img on /);
      expect(saved).toEqual({ name: "uploaded.img", bytes: 40 * 2 ** 20 });
      const images = await server.json(
        z.array(z.looseObject({ name: z.string(), size_bytes: z.number() })),
        "image",
        "list",
      );
      expect(images).toContainEqual(expect.objectContaining({ name: "uploaded", size_bytes: 40 * 2 ** 20 }));
      expect(
        await server.json(
          z.array(z.looseObject({ luns: z.array(z.looseObject({ image: z.string() })) })),
          "session",
          "list",
        ),
      ).not.toContainEqual(
        expect.objectContaining({ luns: [expect.objectContaining({ image: "uploaded" })] }),
      );
    },
    FLOW_MS,
  );

  test(
    "a Pi gets a name and a group; a group is told to blink, and all get an image, in one go each",
    async () => {
      for (const [serial, model] of [
        ["1000000000000400", "Raspberry Pi 400 Rev 1.0"],
        ["1000000000000005", "Raspberry Pi 5 Model B Rev 1.0"],
      ]) {
        const question = new AbortController();
        const asked = fetch(
          `http://${server.ready.report}/v1/parameters?serial=${serial}&boot=b1&model=${encodeURIComponent(model ?? "")}`,
          { signal: question.signal },
        ).catch(() => undefined);
        await server.step(({ pi, stage }) => pi === serial?.slice(-8) && stage === "parameters");
        question.abort();
        await asked;
      }
      const Seen = z.object({
        blinked: z.array(z.string()),
        assigned: z.number(),
        errors: z.array(z.string()),
      });
      const seen = await drive("many", Seen);
      expect(seen).toMatchObject({ assigned: 3, errors: [] });
      expect(seen.blinked).toEqual([expect.stringMatching(/^bench <1>: /)]);
    },
    FLOW_MS,
  );

  test(
    "what one person does another sees at once, but for the secret",
    async () => {
      const seen = await drive(
        "twoBrowsers",
        z.object({ secretShown: z.number(), errors: z.array(z.string()) }),
      );
      expect(seen).toEqual({ secretShown: 0, errors: [] });
    },
    FLOW_MS,
  );

  test(
    "with all that on it, every view fits a phone and a wide screen, bars nobody by axe, and asks nobody but its own server",
    async () => {
      const seen = await drive("views", z.looseObject({ headings: z.array(z.string()) }));
      expect(seen.headings).toHaveLength(12);
      expect(seen).toMatchObject({ tooWide: [], errors: [], foreign: [], barriers: [] });
    },
    FLOW_MS,
  );

  /** Runs a flow against this server. */
  async function drive<T>(flow: string, schema: z.ZodType<T>, options?: Partial<Drive>): Promise<T> {
    return driveBrowser(flow, schema, { url, ...options });
  }
});

describeWith(["node", "chromium"], "the page of a server that goes and comes back", () => {
  const folder = temporaryFolder("page-again");
  let server: TestServer | undefined;
  afterAll(async () => {
    await server?.stop();
    folder.dispose();
  });

  test(
    "says that the server does not answer, and goes on by itself when it does",
    async () => {
      const data = join(folder.path, "data");
      const flags = LOOPBACK_FLAGS.with(LOOPBACK_FLAGS.indexOf("--http") + 1, `127.0.0.1:${freePort()}`);
      server = await TestServer.start({ data, flags });
      const meanwhile = async (): Promise<void> => {
        await server?.stop();
        server = await TestServer.start({ data, flags });
        await server.createSession({ image: "blank", size: "1M" });
      };
      const url = server.ready.http ?? "";
      const seen = await driveBrowser("reconnect", z.object({ back: z.boolean() }), { url, meanwhile });
      expect(seen).toEqual({ back: true });
    },
    FLOW_MS,
  );
});

/** A port that nobody has at this moment. */
function freePort(): number {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => undefined } });
  const { port } = listener;
  listener.stop(true);
  return port;
}
