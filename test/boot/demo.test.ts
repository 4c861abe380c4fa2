/** `pinetboot demo`: a virtual Pi on a server of its own, as an ordinary user's program. */
import { afterEach, beforeAll, beforeEach, expect, test } from "bun:test";
import { chmodSync, chownSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { cacheFolder } from "../../src/shim/index.ts";
import { runProgram, SOURCE, temporaryFolder, TestServer } from "../support/pinetboot.ts";
import { sseFrame } from "../support/sse.ts";
import { describeWith } from "../support/tools.ts";
import { BOOT_TOOLS_TIMEOUT_MS, ensureBootShim } from "./needs.ts";

/** Firmware and shim under TCG on a busy machine; 20 s on an idle one. */
const BOOT_MS = 240_000;
const KEY = "de300001";
const WRITES = /"written_bytes": [1-9]/;

describeWith(["qemu-system-aarch64", "mke2fs"], "the demo", () => {
  let folder = temporaryFolder("demo");

  beforeAll(async () => {
    await ensureBootShim();
  }, BOOT_TOOLS_TIMEOUT_MS);
  beforeEach(() => {
    folder = temporaryFolder("demo");
  });
  afterEach(() => folder.dispose());

  test(
    "beside a running server its Pi comes up like any other, is seen to write, and Ctrl-C takes its power away",
    async () => {
      const server = await TestServer.start({ data: join(folder.path, "data") });
      const demo = Bun.spawn([...SOURCE, "demo", "--data", server.data], { stdout: "pipe", stderr: "pipe" });
      try {
        const said = new Response(demo.stdout).text();
        const up = await server.step(
          ({ pi, stage, state }) => pi === KEY && stage === "handover" && state === "ok",
          BOOT_MS,
        );
        expect(up.detail).toContain("/sbin/init");
        const stages = new Set(
          server.steps.filter(({ pi, state }) => pi === KEY && state === "ok").map(({ stage }) => stage),
        );
        expect([...stages]).toEqual(
          expect.arrayContaining(["tftp", "kernel", "network", "parameters", "login", "root"]),
        );
        expect((await server.cli("pi", "list")).stdout).toMatch(/de300001 .*Raspberry Pi 4 Model B/);
        const written = async (): Promise<string> => (await server.cli("session", "list", "--json")).stdout;
        for (let text = await written(); !WRITES.test(text); text = await written()) await Bun.sleep(200);
        // From the kernel's first line on, and also what it says after the Pi's own system has taken over.
        for (const words of ["Linux version", "This is the demo's Raspberry Pi."]) {
          const console = await fetch(`${server.ready.http}/api/pis/${KEY}/console?after=0`);
          await sseFrame(console, ({ data }) => data.includes(words));
        }
        demo.kill("SIGINT");
        expect(await demo.exited).toBe(0);
        expect(await said).toContain("The virtual Pi is off.");
        expect((await runProgram(["pgrep", "-f", `mac=02:00:de:30:00:01.*${folder.path}`])).stdout).toBe("");
      } finally {
        demo.kill("SIGKILL");
        await server.stop("SIGKILL");
      }
    },
    BOOT_MS * 2,
  );

  test("with a time that is too short for it, it ends with 1 and leaves nothing", async () => {
    const temporary = join(folder.path, "tmp");
    mkdirSync(temporary);
    const { code, stderr } = await runProgram(
      [...SOURCE, "demo", "--timeout", "3s", "--data", join(folder.path, "none")],
      {
        env: { TMPDIR: temporary },
      },
    );
    expect(code).toBe(1);
    expect(stderr).toContain("had not come up");
    expect(readdirSync(temporary)).toEqual([]);
  }, 60_000);

  test("where QEMU is missing one line says how to get it", async () => {
    const { code, stderr } = await runProgram([...SOURCE, "demo"], { env: { PATH: "/nonexistent" } });
    expect(code).toBe(1);
    expect(stderr).toBe(
      "pinetboot: A virtual Pi needs qemu-system-aarch64. sudo apt install qemu-system-arm\n",
    );
  });
});

describeWith(
  ["root", "setpriv", "qemu-system-aarch64", "mke2fs"],
  "the demo of a user without rights",
  () => {
    test(
      "starts a server of its own on loopback, comes up, and leaves nothing behind",
      async () => {
        await ensureBootShim();
        const folder = temporaryFolder("demo-user");
        try {
          const own = join(folder.path, "own");
          mkdirSync(own);
          for (const path of [folder.path, own]) {
            chownSync(path, 65_534, 65_534);
            chmodSync(path, 0o755);
          }
          // The cache of root cannot be read by others: what the user needs of it is shown to it.
          await runProgram(["cp", "-r", join(cacheFolder(), "shim"), join(own, "pinetboot-shim")]);
          const user =
            "setpriv --reuid 65534 --regid 65534 --clear-groups --inh-caps -all --bounding-set -all".split(
              " ",
            );
          mkdirSync(join(own, "pinetboot"));
          await runProgram(["mv", join(own, "pinetboot-shim"), join(own, "pinetboot", "shim")]);
          await runProgram(["chown", "-R", "nobody", own]);
          const demo = Bun.spawn([...user, ...SOURCE, "demo", "--data", join(own, "none")], {
            stdout: "pipe",
            stderr: "inherit",
            env: { ...process.env, HOME: own, XDG_CACHE_HOME: own, TMPDIR: own },
          });
          let said = "";
          const decoder = new TextDecoder();
          for await (const bytes of demo.stdout) {
            said += decoder.decode(bytes, { stream: true });
            if (said.includes("It runs from its disk over the network.")) demo.kill("SIGTERM");
          }
          expect(await demo.exited).toBe(0);
          expect(said).toContain("The virtual Pi is off.");
          // Bun keeps what it makes of sources there, for a program that runs from them.
          expect(readdirSync(own).filter((name) => name !== "bun")).toEqual(["pinetboot"]);
        } finally {
          folder.dispose();
        }
      },
      BOOT_MS * 2,
    );
  },
);
