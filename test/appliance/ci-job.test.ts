/** The CI job of docs/ci.md, as it stands there, against Pis that are emulated as far as the server sees them. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { SOURCE, temporaryFolder, TestServer } from "../support/pinetboot.ts";
import { FakeShim } from "../support/shim.ts";

const PAGE = resolve(import.meta.dir, "../../docs/ci.md");
/** Some commands, one after the other, on a busy machine. */
const JOB_MS = 120_000;

const folder = temporaryFolder("ci");
let server: TestServer;
let job: string;

beforeAll(async () => {
  server = await TestServer.start({ data: join(folder.path, "data") });
  const script = /```sh\n(#!\/bin\/sh\n[^]*?)```/.exec(readFileSync(PAGE, "utf8"))?.[1] ?? "";
  job = executable("ci-job.sh", script);
  const words = SOURCE.map((word) => `'${word}'`).join(" ");
  mkdirSync(join(folder.path, "bin"));
  executable("bin/pinetboot", `#!/bin/sh\nexec ${words} "$@" --data '${server.data}'\n`);
  await Bun.write(join(folder.path, "build.img"), new Uint8Array(2 ** 20).fill(3));
  expect((await server.cli("pi", "set", "8d3fa2c1", "--name", "rack3-left", "--group", "rack3")).code).toBe(
    0,
  );
}, JOB_MS);
afterAll(async () => {
  await server.stop("SIGKILL");
  folder.dispose();
});

function executable(name: string, text: string): string {
  const path = join(folder.path, name);
  writeFileSync(path, text);
  chmodSync(path, 0o755);
  return path;
}

/** Runs the job; `boot` is what the Pi does when its power is switched on, which the job does by a program. */
async function run(
  image: string,
  timeout: string,
  boot: (shim: FakeShim) => Promise<unknown>,
): Promise<{ code: number; said: string; log: string }> {
  const powered = join(folder.path, `power-${image}`);
  const power = executable(`power-${image}.sh`, `#!/bin/sh\necho "$1" >'${powered}'\n`);
  await Bun.write(join(folder.path, image), new Uint8Array(2 ** 20).fill(image.length));
  const child = Bun.spawn([job, image, "rack3", "rack3-left"], {
    cwd: folder.path,
    env: {
      ...process.env,
      PATH: `${join(folder.path, "bin")}:${process.env["PATH"]}`,
      POWER_CYCLE: power,
      TIMEOUT: timeout,
    },
    stdout: "pipe",
    stderr: "pipe",
  });
  const said = Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  // The Pi boots again and again, as one does whose tests are in its image: the job hears it whenever it begins to listen.
  const shim = new FakeShim(server.ready.report ?? "");
  const over = new AbortController();
  const booting = (async () => {
    while (!over.signal.aborted) {
      if (await Bun.file(powered).exists()) await boot(shim);
      await Bun.sleep(500);
    }
  })();
  const code = await child.exited;
  over.abort();
  await booting;
  return {
    code,
    said: (await said).join("\n"),
    log: readFileSync(join(folder.path, "rack3-left.log"), "utf8"),
  };
}

test(
  "a build that passes its tests ends the job with 0, and its log has the steps and the kernel's words",
  async () => {
    const { code, said, log } = await run("good.img", "2m", async (shim) => {
      expect(await shim.ask({ boot: crypto.randomUUID() })).toMatchObject({ state: "ready" });
      await shim.report("root", "ok", "ext4 on sda2");
      await shim.console("6,1,100,-;Booting Linux\n SUBSYSTEM=cpu\n12,2,9000000,-;TESTS PASSED\n");
    });
    expect({ code, said }).toMatchObject({ code: 0, said: expect.stringContaining("passed on rack3-left") });
    expect(log).toContain("[pinetboot] stage=root state=ok ext4 on sda2\n");
    expect(log).toContain("[    0.000100] Booting Linux\n");
    expect(log).toContain("[    9.000000] TESTS PASSED\n");
    expect(log).not.toContain("SUBSYSTEM");
  },
  JOB_MS,
);

test(
  "a Pi that does not say it ends the job with 3, and the words say how far it came",
  async () => {
    const { code, said } = await run("silent.img", "15s", async (shim) => {
      await shim.report("login", "ok", "logged in");
    });
    expect(code).toBe(3);
    expect(said).toContain(
      'has not reached "TESTS PASSED" on its console in 15 s; the last that was seen of it is',
    );
  },
  JOB_MS,
);

test(
  "a Pi that stops ends the job with 4, with the words and the remedy of the step that failed",
  async () => {
    const { code, said } = await run("broken.img", "90s", async (shim) => {
      await shim.report("root", "fail", "no root file system", "choose another image");
    });
    expect(code).toBe(4);
    expect(said).toContain("stopped at root: no root file system. choose another image");
  },
  JOB_MS,
);

test(
  "without a server it ends with 5 at once, and with the server in the midst of it too",
  async () => {
    const waiting = server.cli("pi", "wait", "rack3-left", "--timeout", "5m");
    const shim = new FakeShim(server.ready.report ?? "");
    // Its own steps on stderr show that it listens.
    await Bun.sleep(0);
    await shim.report("kernel", "ok", "Linux");
    await server.stop("SIGKILL");
    expect((await waiting).code).toBe(5);
    expect((await server.cli("pi", "wait", "rack3-left")).code).toBe(5);
  },
  JOB_MS,
);
