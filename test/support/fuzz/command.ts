/**
 * The command line of a fuzzer: `bun FILE NAME [--seed N] [--seconds N] [--runs N] [--replay HEX]`.
 * The checks run in a Worker, watched from the main thread: a check that never returns, or that eats the memory, is a
 * finding like any other. Exit code 0: nothing found; 1: a finding, printed with its seed and input; 2: wrong use.
 */
import { Worker, isMainThread, parentPort, workerData } from "node:worker_threads";
import { parseArgs } from "node:util";
import { type FuzzTarget, failureOf, inputOf, minimise, parseHex } from "./engine.ts";

/** No check takes a tenth of this on a busy machine. */
const HANG_MS = 4000;
const WATCH_MS = 200;
/** What all of it, Bun included, may hold. */
const MAX_RSS_BYTES = 700 * 1024 * 1024;
const DEFAULT_SECONDS = 5;
/** Longer inputs are shown in part: they are made again from the seed. */
const MAX_SHOWN_BYTES = 2048;

interface Order {
  readonly name: string;
  readonly seed: number;
  readonly seconds: number;
  readonly runs: number;
  /** The number of the run under way, and how many checks there were (minimising makes more of them than runs). */
  readonly progress: Int32Array;
}

interface Finding {
  readonly run: number;
  readonly what: string;
  readonly input: Uint8Array;
  readonly isMinimised: boolean;
}

interface Report {
  readonly runs: number;
  readonly finding: Finding | undefined;
}

/** Call it at the top of the fuzzer's file, with that file's `import.meta.path`. */
export async function fuzzCommand(file: string, targets: readonly FuzzTarget[]): Promise<void> {
  if (!isMainThread) {
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- written by `watch` below
    const order = workerData as Order;
    const target = targets.find(({ name }) => name === order.name);
    // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a thread, not a window
    if (target) parentPort?.postMessage(await work(counted(target, order.progress), order));
    return;
  }
  const { values, positionals } = parseArgs({
    args: Bun.argv.slice(2),
    allowPositionals: true,
    options: {
      seed: { type: "string" },
      seconds: { type: "string" },
      runs: { type: "string" },
      replay: { type: "string" },
    },
  });
  const target = targets.find(({ name }) => name === positionals[0]);
  if (!target) {
    console.error(`which one? ${targets.map(({ name }) => name).join(", ")}`);
    process.exit(2);
  }
  if (values.replay !== undefined) {
    const failure = await failureOf(target, parseHex(values.replay));
    console.log(failure === undefined ? "nothing is wrong with it" : words(failure));
    process.exit(failure === undefined ? 0 : 1);
  }
  const order: Order = {
    name: target.name,
    seed: values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed),
    seconds: Number(values.seconds ?? DEFAULT_SECONDS),
    runs: Number(values.runs ?? Infinity),
    progress: new Int32Array(new SharedArrayBuffer(8)),
  };
  const started = performance.now();
  const { runs, finding } = await watch(file, target, order);
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(`${target.name}: seed ${order.seed}, ${runs} runs in ${seconds} s`);
  if (finding) show(target.name, order.seed, finding);
  process.exit(finding ? 1 : 0);
}

function counted(target: FuzzTarget, progress: Int32Array): FuzzTarget {
  const check: FuzzTarget["check"] = (input) => {
    progress[1] = (progress[1] ?? 0) + 1;
    return target.check(input);
  };
  return { ...target, check };
}

async function work(target: FuzzTarget, { seed, seconds, runs, progress }: Order): Promise<Report> {
  const end = performance.now() + seconds * 1000;
  for (let run = 0; run < runs; run++) {
    progress[0] = run;
    // The corpus is always gone through.
    if (run >= target.corpus.length && performance.now() > end) return { runs: run, finding: undefined };
    const input = inputOf(target, seed, run);
    const failure = await failureOf(target, input);
    if (failure === undefined) continue;
    const small = await minimise(target, input);
    const what = words((await failureOf(target, small)) ?? failure);
    return { runs: run + 1, finding: { run, what, input: small, isMinimised: true } };
  }
  return { runs, finding: undefined };
}

/** Has the work done, and ends it when it hangs or eats. */
function watch(file: string, target: FuzzTarget, order: Order): Promise<Report> {
  const { promise, resolve } = Promise.withResolvers<Report>();
  const worker = new Worker(file, { workerData: order });
  worker.on("message", (report: Report) => resolve(report));
  const giveUp = (what: string): void => {
    const run = order.progress[0] ?? 0;
    const input = inputOf(target, order.seed, run);
    resolve({ runs: run + 1, finding: { run, what, input, isMinimised: false } });
  };
  worker.on("error", (error) => giveUp(`thrown outside of the check: ${words(error)}`));
  let seen = -1;
  let seenAt = performance.now();
  const timer = setInterval(() => {
    const checks = order.progress[1] ?? 0;
    if (checks !== seen) {
      seen = checks;
      seenAt = performance.now();
    }
    if (performance.now() - seenAt > HANG_MS) giveUp("it hangs");
    const rss = process.memoryUsage().rss;
    if (rss > MAX_RSS_BYTES) giveUp(`it holds ${Math.round(rss / 2 ** 20)} MiB of memory`);
  }, WATCH_MS);
  return promise.finally(() => clearInterval(timer));
}

function show(name: string, seed: number, { run, what, input, isMinimised }: Finding): void {
  const hex = input.subarray(0, MAX_SHOWN_BYTES).toHex();
  const rest = input.length > MAX_SHOWN_BYTES ? ` and ${input.length - MAX_SHOWN_BYTES} bytes more` : "";
  console.log(`FOUND by run ${run} of seed ${seed}: ${what}`);
  console.log(`${isMinimised ? "minimised " : ""}input of ${input.length} bytes: ${hex}${rest}`);
  console.log(
    rest === ""
      ? `again: bun test/.../main.ts ${name} --replay ${hex}`
      : `again: ${name} --seed ${seed} --runs ${run + 1}`,
  );
}

function words(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return `${error.name}: ${error.message}\n${(error.stack ?? "").split("\n").slice(1, 6).join("\n")}`;
}
