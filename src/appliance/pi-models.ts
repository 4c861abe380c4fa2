/**
 * Board revisions of the Raspberry Pis that boot from a network, as documented by Raspberry Pi:
 *
 *   bits  NOQuuuWuFMMMCCCCPPPPTTTTTTTTRRRR     F new style (1), PPPP processor, TTTTTTTT type, RRRR revision
 */
export type KnownFamily = "pi3" | "pi4" | "pi5";

export interface PiModel {
  readonly type: number;
  readonly family: KnownFamily;
  readonly name: string;
}

export const MODELS = {
  pi3b: { type: 0x08, family: "pi3", name: "Raspberry Pi 3 Model B" },
  cm3: { type: 0x0a, family: "pi3", name: "Raspberry Pi Compute Module 3" },
  pi3bPlus: { type: 0x0d, family: "pi3", name: "Raspberry Pi 3 Model B Plus" },
  pi3aPlus: { type: 0x0e, family: "pi3", name: "Raspberry Pi 3 Model A Plus" },
  cm3Plus: { type: 0x10, family: "pi3", name: "Raspberry Pi Compute Module 3 Plus" },
  pi4b: { type: 0x11, family: "pi4", name: "Raspberry Pi 4 Model B" },
  pi400: { type: 0x13, family: "pi4", name: "Raspberry Pi 400" },
  cm4: { type: 0x14, family: "pi4", name: "Raspberry Pi Compute Module 4" },
  cm4s: { type: 0x15, family: "pi4", name: "Raspberry Pi Compute Module 4S" },
  pi5: { type: 0x17, family: "pi5", name: "Raspberry Pi 5 Model B" },
  cm5: { type: 0x18, family: "pi5", name: "Raspberry Pi Compute Module 5" },
  pi500: { type: 0x19, family: "pi5", name: "Raspberry Pi 500" },
  cm5Lite: { type: 0x1a, family: "pi5", name: "Raspberry Pi Compute Module 5 Lite" },
} as const satisfies Record<string, PiModel>;

const NEW_STYLE = 1 << 23;

/** The model of a board revision code, or undefined for an old-style or unknown one. */
export function modelOfRevision(revision: number): PiModel | undefined {
  if ((revision & NEW_STYLE) === 0) return undefined;
  const type = (revision >>> 4) & 0xff;
  return Object.values(MODELS).find((model) => model.type === type);
}
