/** The whole server after a loss of power of its computer: who used a disk is kept out, and the words for it are everywhere. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { join } from "node:path";
import { z } from "zod";
import { cdb16, Initiator, WRITE_16 } from "../../src/iscsi-target/testing/initiator.ts";
import { loseOverlayPower } from "../support/lost-power.ts";
import { type CreatedSession, LOOPBACK_FLAGS, temporaryFolder, TestServer } from "../support/pinetboot.ts";

const SERIAL = "100000008d3fa2c1";
const KEY = "8d3fa2c1";
const ONE = "iqn.2026-01.test:one";
/** RFC 7143 section 11.13.5: the initiator may try again later. */
const SERVICE_UNAVAILABLE = 0x0301;

const SessionView = z.object({
  id: z.string(),
  fenced: z.object({ since: z.iso.datetime(), initiators: z.array(z.string()) }).nullable(),
});

interface Login {
  readonly iqn: string;
  readonly user: string;
  readonly secret: string;
  readonly initiator: string;
}

let folder = temporaryFolder("fence");
let server: TestServer;

const start = async (): Promise<void> => {
  server = await TestServer.start({
    data: join(folder.path, "data"),
    flags: [...LOOPBACK_FLAGS, "--adopt", "default"],
  });
};

beforeEach(async () => {
  folder = temporaryFolder("fence");
  await start();
});
afterEach(async () => {
  await server.stop("SIGKILL");
  folder.dispose();
});

async function logIn({ iqn, user, secret, initiator }: Login): Promise<{ status: number; as: Initiator }> {
  const as = await Initiator.dial(Number(server.ready.iscsi?.split(":")[1]));
  const { status } = await as.logIn({ target: iqn, initiatorName: initiator, chap: { user, secret } });
  return { status, as };
}

/** Logs in, writes without a flush, and takes the power from under the server while the initiator lives on. */
async function writeAndLosePower(login: Login): Promise<void> {
  const { status, as } = await logIn(login);
  expect(status).toBe(0);
  // The first command after a login is answered with a unit attention.
  await as.command([0, 0, 0, 0, 0, 0]);
  const written = await as.command(cdb16(WRITE_16, 0, 8), {
    write: true,
    data: new Uint8Array(4096).fill(7),
  });
  expect(written.status).toBe(0);
  await server.stop("SIGKILL");
  const id = login.iqn.slice(login.iqn.lastIndexOf(":") + 1);
  loseOverlayPower(join(folder.path, "data", "overlays", `${id}.qcow2`));
  await start();
}

const loginOf = (session: CreatedSession): Login => ({
  iqn: session.iqn,
  user: session.chap_user,
  secret: session.chap_secret,
  initiator: ONE,
});

test("an initiator that ran on is refused for as long as nobody says otherwise, and seen in every view", async () => {
  const session = await server.createSession({ image: "blank", size: "8M" });
  await writeAndLosePower(loginOf(session));
  expect((await logIn(loginOf(session))).status).toBe(SERVICE_UNAVAILABLE);
  const refused = await server.step(({ stage, detail }) => stage === "login" && detail.includes(session.iqn));
  expect({ ...refused }).toMatchObject({
    state: "fail",
    detail: expect.stringContaining("when this computer lost power"),
    fix: expect.stringContaining(`pinetboot session unfence ${session.id}`),
  });
  expect((await logIn(loginOf(session))).status).toBe(SERVICE_UNAVAILABLE);
  // It asks again every few seconds: that is not told each time.
  expect(
    server.steps.filter(({ stage, detail }) => stage === "login" && detail.includes(session.iqn)),
  ).toHaveLength(1);
  expect((await server.cli("session", "list")).stdout).toContain(`kept out: ${ONE}`);
  const shown = await fetch(`${server.ready.http}/api/sessions/${session.id}`);
  expect(SessionView.parse(await shown.json()).fenced?.initiators).toEqual([ONE]);

  expect((await server.cli("session", "unfence", session.id)).code).toBe(0);
  expect((await logIn(loginOf(session))).status).toBe(0);
  const [after] = await server.json(z.array(SessionView), "session", "list");
  expect(after?.fenced).toBeNull();
});

test("a Pi that ran on is kept out of its disk until it boots anew", async () => {
  const image = join(folder.path, "one.img");
  await Bun.write(image, new Uint8Array(4 * 2 ** 20).fill(1));
  await server.json(z.object({ id: z.string() }), "image", "import", image, "--name", "one");
  const first = await ask("boot-1");
  const login: Login = {
    iqn: first["iscsi.target"] ?? "",
    user: first["iscsi.username"] ?? "",
    secret: first["iscsi.password"] ?? "",
    initiator: first["iscsi.initiator"] ?? "",
  };
  await writeAndLosePower(login);
  expect((await logIn(login)).status).toBe(SERVICE_UNAVAILABLE);
  const pis = await server.json(z.array(z.object({ key: z.string(), fenced: z.boolean() })), "pi", "list");
  expect(pis).toEqual([{ key: KEY, fenced: true }]);
  expect((await server.cli("pi", "list")).stdout).toContain("kept out");
  const again = await ask("boot-1");
  expect(again).toMatchObject({ state: "refused", message: expect.stringContaining("Restart that machine") });
  expect((await logIn(login)).status).toBe(SERVICE_UNAVAILABLE);

  expect(await ask("boot-2")).toMatchObject({ state: "ready" });
  expect((await logIn(login)).status).toBe(0);
  expect((await server.cli("pi", "list")).stdout).not.toContain("kept out");
});

async function ask(boot: string): Promise<Record<string, string>> {
  const query = new URLSearchParams({
    serial: SERIAL,
    mac: "dc:a6:32:01:36:c2",
    boot,
    model: "Raspberry Pi 4",
  });
  const response = await fetch(`http://${server.ready.report}/v1/parameters?${query}`);
  const lines = (await response.text()).split("\n").filter((line) => line !== "");
  return Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
  );
}
