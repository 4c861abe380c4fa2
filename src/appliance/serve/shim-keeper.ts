/**
 * Brings the boot shim: embedded, else cached, else built, by a child process of low priority so that the kernel's
 * compile never takes the data path's turn.
 *
 *   missing --start--> building --child ends well--> ready
 *      ^                  |  `bundle` is there from the middle of the build on: Pis boot, yet without modules
 *      +--child fails-----+   (said with the remedy; `pinetboot shim build` beside us is noticed)
 */
import { z } from "zod";
import { lowerPriority } from "../../disk/host/priority.ts";
import { findShim, openBundle, type ShimBundle } from "../../shim/index.ts";
import type { ShimState } from "../decide.ts";
import { wordsOf } from "../errors.ts";
import type { EventLog } from "../events.ts";
import { formatDuration } from "../durations.ts";

/** Below everything else that the machine does. */
const BUILD_NICENESS = 15;
/** While there is none and nobody builds here, someone else may: looking costs one stat. */
const LOOK_AGAIN_MS = 5_000;
/** A long build is told by its steps, and within one by every twentieth of the whole. */
const TELL_EVERY_FRACTION = 0.05;

/** What the child says, one JSON document a line: the progress of `pinetboot shim build --progress json`. */
const BuildLineSchema = z.object({
  step: z.string().optional(),
  fraction: z.number().optional(),
  etaSeconds: z.number().optional(),
  /** A bundle that Pis boot from while the rest is made. */
  bootable: z.string().optional(),
  error: z.object({ message: z.string(), fix: z.string().optional() }).optional(),
});

export type BuildLine = z.infer<typeof BuildLineSchema>;

export interface ShimStatus {
  readonly state: ShimState;
  readonly step: string | null;
  readonly fraction: number | null;
  readonly etaSeconds: number | null;
}

export interface ShimKeeperOptions {
  readonly cacheFolder: string;
  readonly events: EventLog;
  /** The command that builds and says `BuildLine`s; undefined never builds. */
  readonly buildCommand: readonly string[] | undefined;
  readonly onReady: () => void;
}

export class ShimKeeper {
  readonly #options: ShimKeeperOptions;
  #bundle: ShimBundle | undefined;
  #status: ShimStatus = { state: "missing", step: null, fraction: null, etaSeconds: null };
  #child: Bun.Subprocess<"pipe", "pipe", "pipe"> | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #stopped = false;

  constructor(options: ShimKeeperOptions) {
    this.#options = options;
  }

  /** What Pis boot from. While the state is "building" it lacks the module pack and the WiFi kernel. */
  get bundle(): ShimBundle | undefined {
    return this.#bundle;
  }

  get status(): ShimStatus {
    return this.#status;
  }

  /** Looks for a shim and, when there is none, begins to build one. Resolves before the build has ended. */
  async start(): Promise<void> {
    if (await this.#look()) return;
    if (this.#options.buildCommand) this.#build(this.#options.buildCommand);
    else this.#lookLater();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    // The builder ends when its input does; it may run as root when we no longer do, so a signal may not reach it.
    await this.#child?.stdin.end();
    await this.#child?.exited;
  }

  async #look(): Promise<boolean> {
    const bundle = await findShim({ cacheDir: this.#options.cacheFolder });
    if (!bundle) return false;
    this.#bundle = bundle;
    this.#status = { state: "ready", step: null, fraction: null, etaSeconds: null };
    this.#options.onReady();
    return true;
  }

  async #useFirst(path: string): Promise<void> {
    // Not there any more when the whole one has taken its place meanwhile.
    const bundle = await openBundle(path).catch(() => undefined);
    if (!bundle) return;
    this.#bundle = bundle;
    this.#say(
      "ok",
      "The boot shim starts Pis from now on; their modules and the WiFi kernel are still being built",
    );
    this.#options.onReady();
  }

  #lookLater(): void {
    if (this.#stopped) return;
    this.#timer = setTimeout(() => {
      void this.#look().then((found) => {
        if (!found) this.#lookLater();
        else this.#say("ok", "The boot shim is there: Pis are answered from now on");
      });
    }, LOOK_AGAIN_MS);
  }

  #build(command: readonly string[]): void {
    this.#status = { state: "building", step: null, fraction: 0, etaSeconds: null };
    this.#say("start", "No boot shim is cached: building it (Pis are answered when it is there)");
    this.#child = Bun.spawn([...command], { stdin: "pipe", stdout: "pipe", stderr: "pipe" });
    lowerPriority(this.#child.pid, BUILD_NICENESS);
    void this.#follow(this.#child).catch((error: unknown) => this.#failed(wordsOf(error), undefined));
  }

  async #follow(child: Bun.Subprocess<"pipe", "pipe", "pipe">): Promise<void> {
    const words = new Response(child.stderr).text();
    let failure: BuildLine["error"];
    let told: BuildLine = {};
    for await (const line of linesOf(child.stdout)) {
      const said = BuildLineSchema.parse(JSON.parse(line));
      if (said.error) failure = said.error;
      if (said.step === undefined) continue;
      if (said.bootable !== undefined && !this.#bundle) await this.#useFirst(said.bootable);
      this.#status = {
        state: "building",
        step: said.step,
        fraction: said.fraction ?? null,
        etaSeconds: said.etaSeconds ?? null,
      };
      const advanced = (said.fraction ?? 0) - (told.fraction ?? 0) >= TELL_EVERY_FRACTION;
      if (said.step === told.step && !advanced) continue;
      told = said;
      this.#say("progress", progressWords(this.#status));
    }
    const code = await child.exited;
    if (this.#stopped) return;
    const started = this.#bundle !== undefined;
    if (code === 0 && (await this.#look()))
      this.#say(
        "ok",
        `The boot shim is built: ${started ? "its modules are there" : "Pis are answered from now on"}`,
      );
    else
      this.#failed(
        failure?.message ?? (lastLine(await words) || `the builder ended with ${code}`),
        failure?.fix,
      );
  }

  #failed(message: string, fix: string | undefined): void {
    this.#status = { state: "missing", step: null, fraction: null, etaSeconds: null };
    this.#options.events.emit({
      stage: "shim",
      state: "fail",
      detail: `The boot shim could not be built: ${message}. Everything else is served.`,
      fix: fix ?? "pinetboot shim build",
    });
    this.#lookLater();
  }

  #say(state: "start" | "progress" | "ok", detail: string): void {
    this.#options.events.emit({ stage: "shim", state, detail });
  }
}

function progressWords({ step, fraction, etaSeconds }: ShimStatus): string {
  const percent = fraction === null ? "" : `, ${Math.floor(fraction * 100)} %`;
  const eta = etaSeconds === null ? "" : `, about ${formatDuration(etaSeconds * 1000)} left`;
  return `${step}${percent}${eta}`;
}

function lastLine(text: string): string {
  return text.trimEnd().split("\n").at(-1) ?? "";
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = lines.pop() ?? "";
    yield* lines.filter((line) => line !== "");
  }
}
