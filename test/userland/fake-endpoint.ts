/**
 * A boot endpoint that says what a test wants: `bun fake-endpoint.ts ADDRESS PORT FILE`. FILE holds the answers, apart
 * by blank lines, one a question, the last one again and again; "http 404" answers with that status, as another web
 * server would. Each report is printed as a line, in its form encoding.
 */
import { readFileSync } from "node:fs";

const [hostname = "", port = "", file = ""] = process.argv.slice(2);
const answers = readFileSync(file, "utf8").trim().split("\n\n");
let questions = 0;

Bun.serve({
  hostname,
  port: Number(port),
  async fetch(request) {
    const { pathname } = new URL(request.url);
    if (request.method === "POST" && pathname === "/v1/report") {
      console.log(await request.text());
      return new Response(null, { status: 204 });
    }
    // The console, the bootloader's state, the module pack: told, and asked for, as it comes; no question for a disk.
    if (pathname !== "/v1/parameters")
      return new Response(null, { status: request.method === "POST" ? 204 : 404 });
    const answer = answers[Math.min(questions++, answers.length - 1)] ?? "";
    const status = /^http (\d+)$/.exec(answer)?.[1];
    if (status !== undefined) return new Response("not found\n", { status: Number(status) });
    return new Response(`clock=${Math.floor(Date.now() / 1000)}\n${answer}\n`);
  },
});
