/** What is waited for: a stage of the boot, or words on the Pi's console. */
import { BOOT_STAGES, type BootStage, isBootStage } from "../../appliance/index.ts";

export type Until =
  | { readonly kind: "stage"; readonly stage: BootStage }
  | { readonly kind: "text"; readonly text: string };

const TEXT = "text:";

/** "root" is the stage; "text:root", and whatever is no stage, are words. */
export function parseUntil(word: string): Until {
  if (isBootStage(word)) return { kind: "stage", stage: word };
  return { kind: "text", text: word.startsWith(TEXT) ? word.slice(TEXT.length) : word };
}

/** For a sentence. */
export function untilWords(until: Until): string {
  return until.kind === "stage" ? until.stage : `"${until.text}" on its console`;
}

/** For the help of the command. */
export const UNTIL_WORDS = `A stage (${BOOT_STAGES.join(", ")}), or words on its console`;
