/** The `.sig` file beside an update: `sha256sum`'s digits, then when it was made. The bootloader takes only a newer one. */
import { createHash } from "node:crypto";

/** Renders it; `seconds` is Unix time. */
export function renderSignature(update: Uint8Array, seconds: number): string {
  return `${createHash("sha256").update(update).digest("hex")}\nts: ${seconds}\n`;
}

/** When to say that an update was made: SOURCE_DATE_EPOCH as for Raspberry Pi's own tool, else now. Unix seconds. */
export function signatureTime(env: Readonly<Record<string, string | undefined>> = process.env): number {
  const epoch = env["SOURCE_DATE_EPOCH"];
  return epoch !== undefined && /^\d{1,10}$/.test(epoch) ? Number(epoch) : Math.floor(Date.now() / 1000);
}
