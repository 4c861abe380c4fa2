/** The command line as a person and a script meet it. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { type Finished, runProgram, SOURCE, temporaryFolder, TestServer } from "../support/pinetboot.ts";

const COMMANDS = [
  "serve",
  "image import",
  "image list",
  "image info",
  "image remove",
  "session create",
  "session list",
  "session remove",
  "pi list",
  "pi info",
  "pi assign",
  "pi wait",
  "pi set",
  "pi reset",
  "pi reboot",
  "pi blink",
  "pi forget",
  "job list",
  "job show",
  "job cancel",
  "shim build",
  "shim info",
  "shim extract",
  "version",
];

let folder = temporaryFolder("cli");
beforeAll(() => {
  folder = temporaryFolder("cli");
});
afterAll(() => folder.dispose());

/** Runs a command on a data folder without a server. */
function run(...words: string[]): Promise<Finished> {
  return runProgram([...SOURCE, ...words], {
    env: { XDG_DATA_HOME: folder.path, XDG_CACHE_HOME: folder.path },
  });
}

describe("help", () => {
  test.each(COMMANDS)("%s --help says what it does, with an example", async (command) => {
    const { code, stdout, stderr } = await run(...command.split(" "), "--help");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain(`pinetboot ${command}`);
    expect(stdout).toMatch(/Examples?:\n/);
  });

  test.each([[[]], [["help"]], [["--help"]]])(
    "%j shows the commands, and what their exit status means",
    async (words) => {
      const { code, stdout } = await run(...words);
      expect(code).toBe(0);
      expect(stdout).toContain("Exit status: 0 done, 1 failed, 2 wrong words");
      for (const command of new Set(COMMANDS.map((words) => words.split(" ")[0] ?? "")))
        expect(stdout).toContain(command);
    },
  );
});

test("the version can be asked for as of any program", async () => {
  const { version } = JSON.parse((await run("version", "--json")).stdout);
  expect((await run("--version")).stdout.trim()).toBe(version);
});

/** The status of `pi wait` where no server runs: a script tells it from a Pi that stopped. */
const NOT_SERVING = 5;

describe("wrong words", () => {
  test.each([
    ["serve --bogus", "--bogus"],
    ["nonsense", "nonsense"],
    ["serve --iscsi-port 70000", "70000"],
    ["serve --dhcp maybe", "maybe"],
    ["serve --dhcp-range 10.0.0.1", "10.0.0.1"],
    ["serve --http nowhere", "nowhere"],
    ["session create --size huge", "huge"],
    ["session remove", "id"],
    ["pi assign 8d3fa2c1", "image"],
    ["pi wait 8d3fa2c1 --timeout soon", "soon"],
  ])("%p is a usage error: one line that names it, and status 2", async (words, named) => {
    const { code, stdout, stderr } = await run(...words.split(" "));
    expect(code).toBe(2);
    expect(stdout).toBe("");
    expect(stderr.trim().split("\n")).toHaveLength(1);
    expect(stderr).toContain(named);
  });

  test.each([
    ["session create --size 4k", "Choose between 1M and 16T"],
    ["pi wait 8d3fa2c1 --timeout soon", "like 90s or 5m"],
    ["sesion list", "did you mean `session`"],
    ["session create --imag blank", "did you mean --image"],
    ["nonsense", "pinetboot --help"],
  ])("%p is told what to write instead", async (words, fix) => {
    expect((await run(...words.split(" "))).stderr).toContain(fix);
  });

  test("with --json the error is a document too", async () => {
    const { code, stderr } = await run("session", "create", "--size", "huge", "--json");
    expect(code).toBe(2);
    expect(JSON.parse(stderr)).toEqual({
      error: { code: "usage", message: expect.stringContaining("huge"), fix: expect.any(String) },
    });
  });
});

describe("without a server", () => {
  test("every command with --json prints one document, and a failure one document on stderr and its status", async () => {
    const created = await run("session", "create", "--size", "1M", "--json");
    expect(created.code).toBe(0);
    const { id, chap_secret: secret } = JSON.parse(created.stdout);
    expect(secret).toHaveLength(16);
    for (const command of ["session list", "image list", "image info blank", "pi list", "version"]) {
      const { code, stdout, stderr } = await run(...command.split(" "), "--json");
      expect({ command, code, stderr }).toEqual({ command, code: 0, stderr: "" });
      expect(typeof JSON.parse(stdout)).toBe("object");
    }
    expect((await run("session", "remove", id)).code).toBe(0);
    for (const [command, code] of [
      [`session remove ${id}`, "not-found"],
      ["image info nothere", "not-found"],
      ["image remove nothere", "not-found"],
      ["session create --image nothere", "not-found"],
      ["pi assign 8d3fa2c1 --image nothere", "not-found"],
      ["pi assign 8d3fa2c1 --image blank", "bad-request"],
      ["pi assign nonsense --image blank", "bad-request"],
      ["pi wait 8d3fa2c1", "not-serving"],
      ["shim info", "shim-unavailable"],
    ] as const) {
      const failed = await run(...command.split(" "), "--json");
      expect({ command, status: failed.code, stdout: failed.stdout }).toEqual({
        command,
        status: code === "not-serving" ? NOT_SERVING : 1,
        stdout: "",
      });
      expect(JSON.parse(failed.stderr)).toEqual({
        error: { code, message: expect.any(String), fix: expect.anything() },
      });
    }
  }, 60_000);

  test("a failure for people is one line with what to do", async () => {
    const { code, stderr } = await run("pi", "wait", "8d3fa2c1");
    expect(code).toBe(NOT_SERVING);
    expect(stderr).toStartWith("pinetboot: No server runs on ");
    expect(stderr).toContain("pinetboot serve");
    expect(stderr.trim().split("\n")).toHaveLength(1);
  });

  test("a folder or a file that cannot be written is named, with what to do", async () => {
    const folderRefused = await run("session", "list", "--data", "/proc/pinetboot");
    expect(folderRefused).toMatchObject({ code: 1, stdout: "" });
    expect(folderRefused.stderr).toMatch(
      /^pinetboot: The folder \/proc\/pinetboot cannot be made .*--data.*\n$/,
    );
    const fileRefused = await run("doctor", "--report", "/proc/report.json", "--json");
    expect(fileRefused.code).toBe(1);
    expect(JSON.parse(fileRefused.stderr)).toMatchObject({
      error: { code: "not-permitted", message: expect.stringContaining("/proc/report.json") },
    });
    const absent = await run("image", "import", "/nothere.img");
    expect(absent.code).toBe(1);
    expect(absent.stderr).toMatch(/cannot be read.*Is its name right/);
  }, 60_000);

  test("the data folder is the person's by default", async () => {
    await run("session", "list");
    expect(await Bun.file(join(folder.path, "pinetboot", "pinetboot.db")).exists()).toBe(true);
  });

  test("commands that want the folder at the same time take turns", async () => {
    const all = await Promise.all(Array.from({ length: 6 }, () => run("session", "create", "--size", "1M")));
    expect(all.map(({ code }) => code)).toEqual([0, 0, 0, 0, 0, 0]);
  }, 30_000);
});

describe("beside a server", () => {
  test("a command reaches the server, and says who has the folder when the server's socket is gone", async () => {
    const server = await TestServer.start({ data: join(folder.path, "beside") });
    try {
      expect((await server.cli("session", "create", "--size", "1M")).code).toBe(0);
      await server.step(({ detail }) => detail.includes("was made"));
      await Bun.file(join(server.data, "pinetboot.sock")).delete();
      const refused = await server.cli("session", "list", "--json");
      expect(refused.code).toBe(1);
      expect(JSON.parse(refused.stderr)).toMatchObject({
        error: {
          code: "data-folder-locked",
          message: expect.stringContaining(`process ${server.pid} (pinetboot serve)`),
        },
      });
    } finally {
      await server.stop("SIGKILL");
    }
  }, 30_000);

  test("a folder that a newer pinetboot wrote is refused and left as it is", async () => {
    const data = join(folder.path, "newer");
    expect((await runProgram([...SOURCE, "session", "list", "--data", data])).code).toBe(0);
    const sqlite = await runProgram(["sqlite3", join(data, "pinetboot.db"), "PRAGMA user_version = 99"]);
    expect(sqlite.code).toBe(0);
    const refused = await runProgram([...SOURCE, "session", "list", "--data", data, "--json"]);
    expect(refused.code).toBe(1);
    expect(JSON.parse(refused.stderr)).toMatchObject({ error: { code: "data-folder-newer" } });
  });
});
