/** The API's listeners: a TCP port (loopback unless told otherwise), and the data folder's Unix socket. */
import { chmodSync, rmSync } from "node:fs";
import type { OpenAPIHono } from "@hono/zod-openapi";
import { giveToCaller } from "../appliance/index.ts";
import type { ApiEnv } from "./context.ts";

export interface ApiServer {
  /** "http://127.0.0.1:8080", with the real port; "unix:PATH" for a socket. */
  readonly url: string;
  stop(): Promise<void>;
}

/** Uploads are images, and never in memory; how large one may be is the import's to say, and documents have their own limit. */
const BODY_MAX_BYTES = Number.MAX_SAFE_INTEGER;

/** Listens on TCP; throws the system's error when it cannot. */
export function listenTcp(app: OpenAPIHono<ApiEnv>, where: { hostname: string; port: number }): ApiServer {
  const server = Bun.serve({
    ...where,
    idleTimeout: 0,
    maxRequestBodySize: BODY_MAX_BYTES,
    fetch: (request, listener) => {
      const address = listener.requestIP(request)?.address;
      return app.fetch(request, { via: "tcp", ...(address !== undefined && { address }) });
    },
  });
  const host = where.hostname.includes(":") ? `[${where.hostname}]` : where.hostname;
  return { url: `http://${host}:${server.port}`, stop: () => server.stop(true) };
}

/** Listens on a Unix socket that only its owner may open: the person who called sudo, when there is one. */
export function listenUnix(app: OpenAPIHono<ApiEnv>, path: string): ApiServer {
  // We hold the folder's lock: a socket that lies here belongs to a process that is gone.
  rmSync(path, { force: true });
  const server = Bun.serve({
    unix: path,
    maxRequestBodySize: BODY_MAX_BYTES,
    fetch(request, listener) {
      // An upload may wait for the disk longer than the ten seconds after which Bun ends a silent connection.
      listener.timeout(request, 0);
      return app.fetch(request, { via: "own" });
    },
  });
  chmodSync(path, 0o600);
  giveToCaller(path);
  return {
    url: `unix:${path}`,
    async stop() {
      await server.stop(true);
      rmSync(path, { force: true });
    },
  };
}
