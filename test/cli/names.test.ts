/** What a running server knows, by its names: completed in a real bash, suggested for a typo, shown and stopped. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { type Finished, runProgram, SOURCE, temporaryFolder, TestServer } from "../support/pinetboot.ts";
import { FakeShim } from "../support/shim.ts";
import { describeWith } from "../support/tools.ts";

const folder = temporaryFolder("names");
/** The folder that a command takes without a flag, as a person's shell has it. */
const home = join(folder.path, "home");
/** What a shell would carry out, were it ever given to it as more than a word. */
const TRAP = join(folder.path, "sprung");
const TRAP_NAME = `rack 3 $(touch ${TRAP})`;

let server: TestServer;
let session: string;

beforeAll(async () => {
  server = await TestServer.start({ data: join(home, "pinetboot") });
  ({ id: session } = await server.createSession({ image: "blank", size: "1M" }));
  for (const [pi = "", name = ""] of [
    ["8d3fa2c1", "rack3-left"],
    ["8d3fa2c2", TRAP_NAME],
  ])
    expect((await server.cli("pi", "set", pi, "--name", name, "--group", "lab")).code).toBe(0);
}, 90_000);
afterAll(async () => {
  await server.stop("SIGKILL");
  folder.dispose();
});

/** Runs a command as a person does, who names no folder. */
function run(...words: string[]): Promise<Finished> {
  return runProgram([...SOURCE, ...words], { env: { XDG_DATA_HOME: home, PINETBOOT_SERVER: undefined } });
}

/** As `offered`, for names that there are: a server that is slow on a busy machine is asked again, by another Tab. */
async function offeredNames(dataHome: string, ...words: string[]): Promise<string[]> {
  for (;;) {
    const found = await offered(dataHome, ...words);
    if (found.length > 0) return found;
  }
}

/** What bash offers behind `pinetboot` and these words. */
async function offered(dataHome: string, ...words: string[]): Promise<string[]> {
  const program = SOURCE.map((word) => `'${word}'`).join(" ");
  const line = ["pinetboot", ...words].map((word) => `'${word}'`).join(" ");
  const script = `
    pinetboot() { ${program} "$@"; }
    source <(pinetboot completion bash)
    COMP_WORDS=(${line}); COMP_CWORD=${words.length}
    _pinetboot; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr } = await runProgram(["bash", "-c", script], {
    env: { XDG_DATA_HOME: dataHome, PINETBOOT_SERVER: undefined },
  });
  expect(stderr).toBe("");
  return stdout.split("\n").filter((word) => word !== "");
}

describeWith(["bash"], "completion of names in bash", () => {
  test("offers those of the server that runs", async () => {
    expect(await offeredNames(home, "session", "remove", session.slice(0, 2))).toEqual([session]);
    expect(await offeredNames(home, "session", "remove", "")).toEqual([session]);
    expect(await offeredNames(home, "session", "create", "--image", "bl")).toEqual(["blank"]);
    expect(await offeredNames(home, "pi", "info", "8d3f")).toEqual(["8d3fa2c1", "8d3fa2c2"]);
    expect(await offeredNames(home, "pi", "reset", "--group", "")).toEqual(["lab"]);
    expect(
      await offeredNames(folder.path, "session", "remove", "--data", join(home, "pinetboot"), ""),
    ).toEqual([session]);
  }, 60_000);

  test("takes a name for a word, whatever is in it", async () => {
    const [found] = await offeredNames(home, "pi", "wait", "rack 3");
    expect(existsSync(TRAP)).toBe(false);
    const back = await runProgram(["bash", "-c", `printf %s ${found}`]);
    expect(back.stdout).toBe(TRAP_NAME);
    expect(existsSync(TRAP)).toBe(false);
  }, 60_000);

  test("is silent, and makes no folder, where no server runs", async () => {
    const nowhere = join(folder.path, "nowhere");
    expect(await offered(nowhere, "session", "remove", "")).toEqual([]);
    expect(await offered(nowhere, "session", "remove", "--server", "127.0.0.1:1", "")).toEqual([]);
    expect(existsSync(nowhere)).toBe(false);
  }, 60_000);
});

describe("a name that there is none of", () => {
  test.each([
    ["session create --image blnak", "blank"],
    ["image info blnk", "blank"],
    ["pi info rack3-letf", "rack3-left"],
    ["pi info 8d3fa2d1", "8d3fa2c1"],
  ])("%p is answered with the one that is like it", async (words, name) => {
    const { code, stderr } = await run(...words.split(" "));
    expect(code).toBe(1);
    expect(stderr).toContain(`Did you mean ${name}?`);
    expect(stderr.trim().split("\n")).toHaveLength(1);
  });

  test("of a session is answered likewise", async () => {
    const { code, stderr } = await run("session", "info", session.slice(0, -1));
    expect(code).toBe(1);
    expect(stderr).toContain(`Did you mean ${session}?`);
  });
});

const JobSchema = z.looseObject({ id: z.string(), kind: z.string(), state: z.string() });

describe("jobs", () => {
  test("are listed, shown, and stopped once", async () => {
    const empty = await run("job", "list");
    expect(empty.stdout).toContain("pinetboot image import");
    const upload = { upload: { file: "card.img", size_bytes: 2 ** 20 } };
    const begun = await fetch(`${server.ready.http}/api/images`, {
      method: "POST",
      body: JSON.stringify(upload),
      headers: { "content-type": "application/json" },
    });
    expect(begun.status).toBe(202);
    const [job] = await server.json(z.array(JobSchema), "job", "list");
    expect(job).toMatchObject({ kind: "import", state: "running" });
    const id = job?.id ?? "";
    expect((await run("job", "list")).stdout).toMatch(new RegExp(`^${id} +import +card.img +running`, "m"));
    expect((await run("job", "show", id)).stdout).toContain("card.img");
    expect((await run("job", "cancel", id)).stdout).toContain("nothing of it stays");
    expect(await server.json(JobSchema, "job", "show", id)).toMatchObject({ state: "failed" });
    const again = await run("job", "cancel", id);
    expect(again.code).toBe(1);
    expect(again.stderr).toContain("has ended already");
    expect((await run("job", "show", "nothere")).stderr).toContain("pinetboot job list");
  }, 60_000);
});

describe("one Pi", () => {
  test("is shown with what it said, also by its name, and as a document", async () => {
    const shim = new FakeShim(server.ready.report ?? "");
    await shim.report("kernel", "ok", "The shim runs");
    await shim.report("login", "fail", "The password is refused", "Restart it");
    const { code, stdout } = await run("pi", "info", "rack3-left");
    expect(code).toBe(0);
    for (const words of [
      "Pi 8d3fa2c1 (rack3-left)",
      "The shim runs",
      "The password is refused",
      "-> Restart it",
    ])
      expect(stdout).toContain(words);
    expect(stdout).not.toContain("\u001b");
    const { stdout: json } = await run("pi", "info", "8d3fa2c1", "--json");
    expect(JSON.parse(json)).toMatchObject({
      key: "8d3fa2c1",
      boot: { done: false, failure: { detail: "The password is refused", fix: "Restart it" } },
      events: expect.arrayContaining([expect.objectContaining({ stage: "login", state: "fail" })]),
    });
  }, 60_000);
});
