/** A typed client of the API: paths, bodies and answers come from the routes themselves. */
import { type ClientResponse, hc } from "hono/client";
import { ApplianceError } from "../appliance/index.ts";
import type { apiRoutes } from "./app.ts";

/** All routes as one type. */
export type ApiRoutes = ReturnType<typeof apiRoutes>;

/**
 * Makes a client; `fetch` is what sends, and what turns a problem into an error. A call throws "bad-request" for a name
 * that no path can hold.
 */
export function apiClient(baseUrl: string, fetch: (input: string, init?: RequestInit) => Promise<Response>) {
  const send = (input: RequestInfo | URL, init?: RequestInit): Promise<Response> =>
    fetch(addressOf(input), init);
  return withEncodedNames(hc<ApiRoutes>(baseUrl, { fetch: send }).api);
}

export type ApiClient = ReturnType<typeof apiClient>;

/** The document of an answer that was no problem. */
export type Answered<T> =
  Extract<T, { ok: true }> extends ClientResponse<infer Document, number> ? Document : never;

function addressOf(input: RequestInfo | URL): string {
  return input instanceof Request ? input.url : String(input);
}

/** hc puts the names in a path in as they are: a slash or a percent sign in one would be another path. */
function withEncodedNames<T>(client: T): T {
  if (typeof client !== "function") return client;
  return new Proxy(client, {
    get: (target, name, receiver) => withEncodedNames<unknown>(Reflect.get(target, name, receiver)),
    apply: (target, self, [args, ...rest]: unknown[]) =>
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion
      Reflect.apply(target as (...words: unknown[]) => unknown, self, [encodedArgs(args), ...rest]),
  });
}

function encodedArgs(args: unknown): unknown {
  if (typeof args !== "object" || args === null || !("param" in args)) return args;
  const names = Object.entries(args.param ?? {}).map(([key, name]) => [key, encodedName(String(name))]);
  return { ...args, param: Object.fromEntries(names) };
}

/** Dots alone are a way through the folders to whoever reads an address, encoded or not. */
function encodedName(name: string): string {
  if (/^\.{0,2}$/.test(name)) throw new ApplianceError("bad-request", `"${name}" is no name`);
  return encodeURIComponent(name);
}
