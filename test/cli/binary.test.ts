/** The compiled binary, alone: nothing of the repository beside it. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { z } from "zod";
import {
  iscsiUrl,
  linesOf,
  LOOPBACK_FLAGS,
  qemuIo,
  runProgram,
  temporaryFolder,
  TestServer,
} from "../support/pinetboot.ts";
import { describeWith } from "../support/tools.ts";

const ROOT = join(import.meta.dir, "../..");
const BUILD_MS = 120_000;
/** What a person takes for "at once"; a busy machine is given some more. */
const READY_MS = 5_000;

describeWith(["qemu-io", "curl"], "the binary", () => {
  let folder = temporaryFolder("binary");
  let program: readonly string[] = [];

  beforeAll(async () => {
    folder = temporaryFolder("binary");
    const file = join(folder.path, "pinetboot");
    const built = await runProgram([process.execPath, join(ROOT, "build.ts"), "--quick", "--out", file]);
    if (built.code !== 0) throw new Error(built.stderr);
    program = ["env", "--chdir", folder.path, file];
  }, BUILD_MS);
  afterAll(() => folder.dispose());

  test("is ready within seconds, imports an image in its Worker, and an initiator writes and reads", async () => {
    const data = join(folder.path, "data");
    const begun = performance.now();
    const server = await TestServer.start({ data, program });
    try {
      expect(performance.now() - begun).toBeLessThan(READY_MS);
      const image = join(folder.path, "disk.img.gz");
      await Bun.write(image, gzipSync(new Uint8Array(4 * 2 ** 20).fill(7, 0, 2 ** 20)));
      await server.json(z.looseObject({ id: z.string() }), "image", "import", image, "--name", "disk");
      const session = await server.createSession({ image: "disk" });
      expect(
        (await qemuIo(iscsiUrl(session), "read -P 7 0 1M", "write -P 8 0 64k", "flush", "read -P 8 0 64k"))
          .code,
      ).toBe(0);
      expect(await server.stop()).toBe(0);
    } finally {
      await server.stop("SIGKILL");
    }
  }, 60_000);

  test("says when it is ready what to type next, and that, typed, makes a disk", async () => {
    const environment = { ...process.env, XDG_DATA_HOME: join(folder.path, "home") };
    const server = Bun.spawn([...program, "serve", ...LOOPBACK_FLAGS], {
      env: environment,
      stdin: "ignore",
      stdout: "pipe",
      stderr: "inherit",
    });
    try {
      let command: string | undefined;
      for await (const line of linesOf(server.stdout)) {
        command = /try: (.*)/i.exec(line)?.[1];
        if (command !== undefined) break;
      }
      const typed = await runProgram(["env", "--chdir", folder.path, "sh", "-c", command ?? "false"], {
        env: environment,
      });
      expect(typed.stderr).toBe("");
      expect(typed.stdout).toContain("iqn.");
    } finally {
      server.kill("SIGKILL");
      await server.exited;
    }
  }, 60_000);

  test("serves the boot files that are inside it, with no cache beside it", async () => {
    const version = await runProgram([...program, "version", "--json"], {
      env: { XDG_CACHE_HOME: join(folder.path, "cache") },
    });
    const { shim } = z.looseObject({ shim: z.boolean() }).parse(JSON.parse(version.stdout));
    const server = await TestServer.start({
      data: join(folder.path, "tftp"),
      program,
      env: { XDG_CACHE_HOME: join(folder.path, "cache") },
    });
    try {
      // Whether there is one depends on whether one was built on this machine before: the binary must say the truth.
      expect(server.ready.shim).toBe(shim ? "ready" : "missing");
      const fetched = await runProgram([
        "curl",
        "-s",
        "-o",
        "/dev/null",
        "-w",
        "%{size_download}",
        `tftp://${server.ready.tftp}/8d3fa2c1/Image.gz`,
      ]);
      if (!shim) {
        expect(fetched.code).not.toBe(0);
        return;
      }
      expect(Number(fetched.stdout)).toBeGreaterThan(10 ** 6);
      const tree = join(folder.path, "tree");
      expect((await runProgram([...program, "shim", "extract", tree])).code).toBe(0);
      expect(Bun.file(join(tree, "Image.gz")).size).toBe(Number(fetched.stdout));
      const info = await runProgram([...program, "shim", "info"]);
      expect(info.stdout).toContain("Image.gz");
    } finally {
      await server.stop("SIGKILL");
    }
  }, 60_000);

  test(
    "that runs is not disturbed by another build in its place",
    async () => {
      const server = await TestServer.start({
        data: join(folder.path, "replaced"),
        program,
        flags: LOOPBACK_FLAGS,
      });
      try {
        const file = program.at(-1) ?? "";
        const built = await runProgram([process.execPath, join(ROOT, "build.ts"), "--quick", "--out", file]);
        expect(built.code).toBe(0);
        expect((await server.createSession({ image: "blank", size: "1M" })).persistent).toBe(true);
        expect((await server.cli("session", "list")).code).toBe(0);
      } finally {
        await server.stop("SIGKILL");
      }
    },
    BUILD_MS,
  );
});
