/** A hash that follows a writer has the sums of the whole file, whatever was written in whatever steps. */
import { afterAll, expect, test } from "bun:test";
import { join } from "node:path";
import { temporaryFolder } from "../../../test/support/temporary.ts";
import { openHostFile } from "../host/file.ts";
import { FollowingHash } from "./following-hash.ts";
import { startHasher, type Hasher } from "./start-hasher.ts";
import { openFilesBelow } from "../../../test/support/open-files.ts";

const MIB = 2 ** 20;
const folder = temporaryFolder("following-hash");
const hashers: Hasher[] = [];
afterAll(() => {
  for (const { worker } of hashers) worker.terminate();
});

async function openThread(): Promise<MessagePort> {
  const hasher = startHasher((words) => {
    throw new Error(words);
  });
  hashers.push(hasher);
  return hasher.port;
}

const noise = new Uint8Array(3 * MIB + 77);
for (let at = 0; at < noise.byteLength; at += 65_536) crypto.getRandomValues(noise.subarray(at, at + 65_536));

const sum = (...parts: readonly Uint8Array[]): string => {
  const hash = new Bun.CryptoHasher("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest("hex");
};

test.each([
  ["small", 1, 0],
  ["large enough for a thread", 16, 1],
])("a file that is %s", async (what, rounds, wanted) => {
  const path = join(folder, `${what}.img`);
  const file = openHostFile(path, "create");
  const hash = new FollowingHash(path, openThread);
  const before = hashers.length;
  const plain: Uint8Array[] = [];
  let offset = 0;
  for (let round = 0; round < rounds; round += 1) {
    const hole = new Uint8Array(round * 1_000_000);
    file.write(noise, offset + hole.byteLength);
    plain.push(hole, noise);
    offset += hole.byteLength + noise.byteLength;
    await hash.reached(offset);
  }
  const sums = await hash.digest(offset, offset + 512);
  expect(sums).toEqual({ contentSha256: sum(...plain), sha256: sum(...plain, new Uint8Array(512)) });
  expect(hashers.length - before).toBe(wanted);
  await hash.close();
  file.close();
  if (process.platform === "linux") expect(openFilesBelow(folder)).toEqual([]);
});

test("nothing at all has a sum, too", async () => {
  const path = join(folder, "nothing.img");
  openHostFile(path, "create").close();
  expect((await new FollowingHash(path, openThread).digest(0, 0)).sha256).toBe(sum());
});

test("a file that cannot be read is an error for its writer, not a sum", async () => {
  const hash = new FollowingHash(join(folder, "not there.img"), openThread);
  const reached = hash.reached(300 * MIB);
  expect(await reached.catch((error: unknown) => error)).toMatchObject({ code: "ENOENT" });
  await hash.close();
});
