/** Begins slow syncs of as many files as the first argument says, in the folder of the second, and prints how long a read beside them takes, in ms. */
import { join } from "node:path";
import { openHostFile } from "../../../src/disk/host/file.ts";
import { widenThreadPool } from "../../../src/disk/host/thread-pool.ts";

widenThreadPool();
const [count = "0", folder = ""] = process.argv.slice(2);
const files = Array.from({ length: Number(count) }, (_, i) =>
  openHostFile(join(folder, `${i}.qcow2`), "create"),
);
const syncs = files.map((file) => file.sync());
const begin = performance.now();
await files[0]?.read(new Uint8Array(512), 0);
console.log(performance.now() - begin);
await Promise.all(syncs);
