/** What was said of an image before it came, compared with what came. */
import { ImageError } from "../image-error.ts";
import type { Source } from "./source/source.ts";
import type { Written } from "./sparse-writer.ts";

/** sha256 sums in 64 lower-case hex digits. */
export interface Checks {
  /** Of the file as it comes. */
  readonly sourceSha256?: string;
  /** Of the disk inside. */
  readonly imageSha256?: string;
  /** Of one or the other: download pages give either. */
  readonly eitherSha256?: string;
}

const SHA256 = /^[0-9a-f]{64}$/;

/** Reads a sum as people paste it. Throws "bad-checksum". */
export function parseSha256(text: string): string {
  const sum = text
    .trim()
    .toLowerCase()
    .replace(/^sha256:/, "");
  if (SHA256.test(sum)) return sum;
  throw new ImageError(
    "bad-checksum",
    `${JSON.stringify(text.slice(0, 100))} is not a sha256 sum`,
    "It has 64 hex digits.",
  );
}

/** Whether the bytes of the source must be hashed on their way. */
export function wantsSourceSum({ sourceSha256, eitherSha256 }: Checks): boolean {
  return sourceSha256 !== undefined || eitherSha256 !== undefined;
}

/** Throws "bad-checksum" when the source is not what it was said to be. */
export async function checkSource(checks: Checks, source: Source, written: Written): Promise<void> {
  const { sourceSha256, eitherSha256 } = checks;
  if (eitherSha256 !== undefined && !isImage(eitherSha256, written))
    refuseUnless(await source.sha256(), eitherSha256, "the file, and the image in it,");
  if (sourceSha256 !== undefined) refuseUnless(await source.sha256(), sourceSha256, "the file");
}

/** Throws "bad-checksum" when the image is not what it was said to be. */
export function checkUnpacked({ imageSha256 }: Checks, written: Written): void {
  if (imageSha256 !== undefined && !isImage(imageSha256, written))
    refuseUnless(written.contentSha256, imageSha256, "the image");
}

/** Sums are made of the image as it was, or of its whole sectors. */
function isImage(sum: string, { sha256, contentSha256 }: Written): boolean {
  return sum === sha256 || sum === contentSha256;
}

function refuseUnless(is: string, wanted: string, what: string): void {
  if (is === wanted) return;
  throw new ImageError(
    "bad-checksum",
    `${what} should have the sha256 sum ${wanted}, and has ${is}: it was damaged or changed on the way`,
    "Fetch it again; if that does not help, the sum or the address is of another release.",
  );
}
