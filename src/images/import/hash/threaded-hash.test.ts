/** The threaded hash gives the sums of the plain one, whatever comes in whatever pieces. */
import { afterAll, expect, test } from "bun:test";
import { workerUrl } from "../../../disk/host/worker-url.ts";
import { localHash, type ContentHash } from "./content-hash.ts";
import { SLOT_BYTES, SLOTS } from "./messages.ts";
import { ThreadedHash } from "./threaded-hash.ts";

const threads: Worker[] = [];
afterAll(() => {
  for (const thread of threads) thread.terminate();
});

async function openThread(): Promise<MessagePort> {
  const { port1, port2 } = new MessageChannel();
  const thread = new Worker(workerUrl("src/images/import/hash/hash-worker.ts"));
  threads.push(thread);
  thread.postMessage({ port: port1 }, [port1]);
  return port2;
}

const noise = new Uint8Array(3 * SLOT_BYTES + 77);
for (let at = 0; at < noise.byteLength; at += 65_536) crypto.getRandomValues(noise.subarray(at, at + 65_536));

async function feed(hash: ContentHash, rounds: number): Promise<unknown> {
  for (let round = 0; round < rounds; round += 1) {
    await hash.update(noise.subarray(0, 1 + round));
    await hash.zeros(round * 5_000_000);
    await hash.update(noise);
  }
  return hash.digest(100);
}

test.each([
  ["small", 1, 0],
  ["larger than the ring", SLOTS, 1],
])("content that is %s has the same sums", async (_what, rounds, wanted) => {
  const before = threads.length;
  const threaded = await feed(new ThreadedHash(openThread), rounds);
  expect(threaded).toEqual(await feed(localHash(), rounds));
  expect(threads.length - before).toBe(wanted);
});

test("nothing at all has a sum, too", async () => {
  expect(await new ThreadedHash(openThread).digest(0)).toEqual(await localHash().digest(0));
});
