/** A Pi's latest boot as a row of stages, made from its events. */
import { BOOT_STAGES, type BootStage, isBootStage } from "../stages.ts";
import type { ApplianceEvent } from "../events.ts";

/** "skipped": a later stage was reached, and this one was never told, as the firmware's own are of a boot from a card. */
export type StepState = "waiting" | "under-way" | "ok" | "fail" | "skipped";

export interface Step {
  readonly stage: BootStage;
  readonly state: StepState;
  readonly detail: string;
  /** Unix milliseconds of its latest event; undefined when it has not begun. */
  readonly at: number | undefined;
}

export interface Boot {
  readonly steps: readonly Step[];
  /** Unix milliseconds of the first event of this boot; undefined before any. */
  readonly startedAt: number | undefined;
  /** What stopped it, until something goes on. */
  readonly failure: { readonly detail: string; readonly fix: string | null } | undefined;
  /** Its root system was reached. */
  readonly done: boolean;
}

/** What is looked at of an event; the API gives the stage as any word. */
export type TimelineEvent = Pick<ApplianceEvent, "at" | "state" | "detail" | "fix"> & {
  readonly stage: string;
};

/** What follows the firmware's own requests: seeing DHCP again after one of these means that the Pi has started anew. */
const AFTER_FIRMWARE = BOOT_STAGES.indexOf("kernel");
/** Stages of one mode alone: no part of a boot that did not say them. */
const OF_ONE_MODE: ReadonlySet<BootStage> = new Set(["kexec"]);

/** The events of one Pi, oldest first; only those of its latest boot count. */
export function bootOf(events: readonly TimelineEvent[]): Boot {
  let steps = new Map<BootStage, Step>();
  let startedAt: number | undefined;
  let failure: Boot["failure"];
  let reached = -1;
  for (const event of events) {
    if (!isBootStage(event.stage)) continue;
    const index = BOOT_STAGES.indexOf(event.stage);
    if (event.stage === "dhcp" && reached >= AFTER_FIRMWARE) {
      steps = new Map();
      startedAt = undefined;
      reached = -1;
    }
    startedAt ??= event.at;
    reached = Math.max(reached, index);
    const state: StepState = event.state === "ok" || event.state === "fail" ? event.state : "under-way";
    steps.set(event.stage, { stage: event.stage, state, detail: event.detail, at: event.at });
    failure = event.state === "fail" ? { detail: event.detail, fix: event.fix } : undefined;
  }
  return {
    steps: BOOT_STAGES.filter((stage) => steps.has(stage) || !OF_ONE_MODE.has(stage)).map((stage) => {
      const index = BOOT_STAGES.indexOf(stage);
      const step = steps.get(stage);
      return { stage, state: stateOf(step, index < reached), detail: step?.detail ?? "", at: step?.at };
    }),
    startedAt,
    failure,
    done: steps.get("handover")?.state === "ok",
  };
}

/** A stage that began has done its work when a later one has begun, whether it said so or not. */
function stateOf(step: Step | undefined, isPassed: boolean): StepState {
  if (!isPassed || step?.state === "fail") return step?.state ?? "waiting";
  return step === undefined ? "skipped" : "ok";
}
