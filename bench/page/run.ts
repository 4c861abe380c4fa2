/**
 * The page: how long after it was reported a stage stands on it, and what it weighs. `bun bench/page/run.ts`
 * (Debian: chromium). The server runs from source on loopback; the browser is headless.
 */
import { z } from "zod";
import { driveBrowser } from "../../test/page/drive.ts";
import { TestServer, temporaryFolder } from "../../test/support/pinetboot.ts";

const folder = temporaryFolder("bench-page");
const server = await TestServer.start({ data: folder.path });
try {
  const url = server.ready.http ?? "";
  const Seen = z.object({ took: z.array(z.number()) });
  const { took } = await driveBrowser("lateness", Seen, { url, file: server.ready.report ?? "" });
  const sorted = took.toSorted((a, b) => a - b);
  const at = (share: number): number => sorted[Math.floor(share * (sorted.length - 1))] ?? 0;
  console.log(`a stage stands on the page after: median ${at(0.5)} ms, p99 ${at(0.99)} ms, most ${at(1)} ms`);
  let plain = 0;
  let packed = 0;
  for (const path of ["/", "/page/main.js", "/page/style.css", "/page/icon.svg"]) {
    const bytes = await (await fetch(new URL(path, url))).bytes();
    plain += bytes.length;
    packed += Bun.gzipSync(bytes).length;
  }
  console.log(`the whole page: ${plain} bytes, ${packed} bytes by gzip`);
} finally {
  await server.stop();
  folder.dispose();
}
