import { CryptoHasher, file } from "bun";

/** sha256 of bytes or text, in hex. */
export function sha256(data: Uint8Array | string): string {
  return new CryptoHasher("sha256").update(data).digest("hex");
}

/** sha256 of a file's content, in hex, without holding it in memory. */
export async function sha256OfFile(path: string): Promise<string> {
  const hasher = new CryptoHasher("sha256");
  for await (const chunk of file(path).stream()) hasher.update(chunk);
  return hasher.digest("hex");
}
