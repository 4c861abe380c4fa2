/** One line on the terminal that changes in place; plain lines now and then where stderr is no terminal. */
import { formatDuration } from "../appliance/index.ts";
import { cutText } from "./cut-text.ts";

export interface Progress {
  readonly step: string;
  /** 0 to 1, or null when nobody knows. */
  readonly fraction: number | null;
  readonly etaSeconds: number | null;
}

const BAR_WIDTH = 24;
const PLAIN_EVERY_MS = 10_000;

export class ProgressLine {
  readonly #label: string;
  readonly #quiet: boolean;
  #shown = false;
  #plainAt = 0;

  /** `quiet` prints nothing (`--json`). */
  constructor(label: string, quiet: boolean) {
    this.#label = label;
    this.#quiet = quiet;
  }

  show(progress: Progress): void {
    if (this.#quiet) return;
    const line = `${this.#label}: ${progressText(progress)}`;
    if (process.stderr.isTTY) {
      const width = process.stderr.columns || 80;
      process.stderr.write(`\r\u001b[2K${cutText(line, width - 1)}`);
      this.#shown = true;
    } else if (Date.now() - this.#plainAt >= PLAIN_EVERY_MS) {
      this.#plainAt = Date.now();
      process.stderr.write(`${line}\n`);
    }
  }

  end(): void {
    if (this.#shown) process.stderr.write("\r\u001b[2K");
    this.#shown = false;
  }
}

function progressText({ step, fraction, etaSeconds }: Progress): string {
  const eta = etaSeconds === null ? "" : `  ${formatDuration(etaSeconds * 1000)} left`;
  if (fraction === null) return `${step}${eta}`;
  const filled = Math.round(fraction * BAR_WIDTH);
  const bar = "#".repeat(filled) + "-".repeat(BAR_WIDTH - filled);
  return `[${bar}] ${String(Math.floor(fraction * 100)).padStart(3)} %${eta}  ${step}`;
}
