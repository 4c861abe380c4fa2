/** A server that was started at a low priority, without the right to raise it, still packs what it exports. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { runProgram } from "../support/pinetboot.ts";
import { describeWith } from "../support/tools.ts";

const STREAMS = join(import.meta.dir, "../../src/disk/export/streams.ts");
const MEMORY_LAYER = join(import.meta.dir, "../support/memory-layer.ts");

describeWith(["root", "nice", "setpriv", "xz"], "at a low priority", () => {
  test("an .img.xz is made all the same", async () => {
    const program = `
      import { xzStream } from ${JSON.stringify(STREAMS)};
      import { MemoryLayer } from ${JSON.stringify(MEMORY_LAYER)};
      let bytes = 0;
      for await (const piece of xzStream(new MemoryLayer(2 ** 20))) bytes += piece.length;
      console.log(bytes > 0 ? "packed" : "nothing");`;
    const humble = ["nice", "-n", "15", "setpriv", "--bounding-set=-sys_nice", "--inh-caps=-sys_nice"];
    const { stdout, stderr } = await runProgram([...humble, process.execPath, "-e", program]);
    expect(stderr).toBe("");
    expect(stdout).toBe("packed\n");
  });
});
