/** The page: a few files that the browser needs, from memory. */
import { createHash } from "node:crypto";
import { extname } from "node:path";
import { Hono } from "hono";
import { bundlePage, type PageFiles } from "../page-files.ts";
import type { ApiEnv } from "../context.ts";
import { embeddedPage } from "../embedded-page.ts";

const TYPES: Record<string, string> = {
  "": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
};

/** Said to programs that ask without wanting HTML. */
const WELCOME = `pinetboot boots Raspberry Pis over the network and gives disks over iSCSI to anything that asks.

  The page          open this address in a browser
  A disk to try     curl -X POST -H 'content-type: application/json' -d '{"image":"blank","size":"1G"}' /api/sessions
  The images        GET /api/images
  Images to fetch   GET /api/catalog
  An image of yours curl -T disk.img.xz '/api/images/upload?name=disk'
  The Pis           GET /api/pis
  What happens      GET /api/events        (server-sent events; ?after=0 replays)
  The whole API     /api in a browser, GET /api/openapi.json for programs

On the command line: pinetboot --help
`;

let files: Promise<PageFiles> | undefined;

/** From the binary, else bundled from the source once. */
function pageFiles(): Promise<PageFiles> {
  files ??= embeddedPage ? Promise.resolve(embeddedPage) : bundlePage();
  return files;
}

export function pageRoutes(): Hono<ApiEnv> {
  const app = new Hono<ApiEnv>();
  app.get("/", async (c, next) => {
    if (c.req.header("accept")?.includes("text/html")) return next();
    // Said outright: with headers added behind it, a body of text without its type goes out as bytes to be saved.
    return c.text(WELCOME, 200, { "content-type": "text/plain; charset=utf-8", vary: "accept" });
  });
  app.on("GET", ["/", "/page/*"], async (c, next) => {
    const text = (await pageFiles())[c.req.path];
    if (text === undefined) return next();
    const etag = `"${createHash("sha256").update(text).digest("base64url").slice(0, 22)}"`;
    const headers = { etag, "cache-control": "no-cache", vary: "accept" };
    if (c.req.header("if-none-match") === etag) return c.body(null, 304, headers);
    return c.body(text, 200, {
      ...headers,
      "content-type": TYPES[extname(c.req.path)] ?? "application/octet-stream",
    });
  });
  return app;
}
