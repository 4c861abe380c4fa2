import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { encodeTar } from "../../shim/bundle/tar.ts";
import { type ApplianceEvent, EventLog } from "../events.ts";
import { ShimKeeper } from "./shim-keeper.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "pinetboot-keeper-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

function keeperWith(buildCommand: readonly string[] | undefined): { keeper: ShimKeeper; events: EventLog } {
  const events = new EventLog();
  return {
    events,
    keeper: new ShimKeeper({ cacheFolder: folder, events, buildCommand, onReady: () => undefined }),
  };
}

function nextEvent(events: EventLog, holds: (event: ApplianceEvent) => boolean): Promise<ApplianceEvent> {
  const { promise, resolve } = Promise.withResolvers<ApplianceEvent>();
  const look = (event: ApplianceEvent): void => {
    if (holds(event)) resolve(event);
  };
  events.since().forEach(look);
  const stop = events.listen(look);
  return promise.finally(stop);
}

test("a build is told step by step, and an end in the middle of it is no failure", async () => {
  const script = `
    echo '{"step":"compile the kernel","fraction":0.42,"etaSeconds":300}'
    read go
    echo '{"error":{"message":"the cross compiler is missing","fix":"sudo apt-get install gcc-aarch64-linux-gnu"}}'
    exit 1`;
  const { keeper, events } = keeperWith(["sh", "-c", script]);
  await keeper.start();
  expect(keeper.status.state).toBe("building");
  const progress = await nextEvent(events, ({ state }) => state === "progress");
  expect(progress.detail).toBe("compile the kernel, 42 %, about 5 min left");
  expect(keeper.status).toEqual({
    state: "building",
    step: "compile the kernel",
    fraction: 0.42,
    etaSeconds: 300,
  });
  // The end of its input is how a builder is told to end.
  await keeper.stop();
  expect(keeper.bundle).toBeUndefined();
  expect(events.since().some(({ state }) => state === "fail")).toBe(false);
});

/** What a builder says when a bundle without modules is there. */
function line(fraction: number, bootable: string): string {
  return JSON.stringify({ step: "compile the modules", fraction, etaSeconds: 60, bootable });
}

test("Pis boot from the bundle without modules while the rest is built, and the state stays that of the build", async () => {
  const first = join(folder, "first.tar");
  const manifest = { format: 2, inputs: "", kernelRelease: "1-test", files: [], sources: [] };
  const data = new TextEncoder().encode(JSON.stringify(manifest));
  writeFileSync(first, encodeTar([{ path: "manifest.json", data }]));
  const gone = join(folder, "gone.tar");
  const script = `echo '${line(0.4, gone)}'; echo '${line(0.41, first)}'; echo '${line(0.42, first)}'; read go`;
  const { keeper, events } = keeperWith(["sh", "-c", script]);
  await keeper.start();
  expect(keeper.bundle).toBeUndefined();
  await nextEvent(
    events,
    ({ detail }) => detail?.startsWith("The boot shim starts Pis from now on") ?? false,
  );
  expect(keeper.bundle?.manifest.kernelRelease).toBe("1-test");
  expect(keeper.status).toMatchObject({ state: "building", step: "compile the modules" });
  await keeper.stop();
  expect(events.since().filter(({ state }) => state === "ok")).toHaveLength(1);
});

test("a failure keeps everything else going and says what to do", async () => {
  const script = `echo '{"error":{"message":"no compiler","fix":"sudo apt-get install it"}}'; exit 1`;
  const { keeper, events } = keeperWith(["sh", "-c", script]);
  await keeper.start();
  const failed = await nextEvent(events, ({ state }) => state === "fail");
  expect(failed).toMatchObject({
    stage: "shim",
    detail: "The boot shim could not be built: no compiler. Everything else is served.",
    fix: "sudo apt-get install it",
  });
  expect(keeper.status.state).toBe("missing");
  await keeper.stop();
});

test("a builder that dies without a word is told by its last words on stderr", async () => {
  const { keeper, events } = keeperWith(["sh", "-c", "echo noise >&2; echo last words >&2; exit 3"]);
  await keeper.start();
  const failed = await nextEvent(events, ({ state }) => state === "fail");
  expect(failed.detail).toContain("last words");
  expect(failed.fix).toBe("pinetboot shim build");
  await keeper.stop();
});

test("without a builder the shim is missing, and nothing is started", async () => {
  const { keeper, events } = keeperWith(undefined);
  await keeper.start();
  expect(keeper.status.state).toBe("missing");
  expect(events.since()).toEqual([]);
  await keeper.stop();
});
