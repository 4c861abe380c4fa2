/** CRC32C by the processor's instruction, in an addon that is there for most platforms; undefined on the others. */
export const nativeCrc32c = await load();

async function load(): Promise<((bytes: Uint8Array) => number) | undefined> {
  try {
    const { crc32c } = await import("@node-rs/crc32");
    return (bytes) => crc32c(bytes);
  } catch {
    // No addon for this platform, or it was left out of the installation: the tables do it, only slower.
    return undefined;
  }
}
