/** A typed client of the API: paths, bodies and answers come from the routes themselves. */
import { type ClientResponse, hc } from "hono/client";
import type { apiRoutes } from "./app.ts";

/** All routes as one type. */
export type ApiRoutes = ReturnType<typeof apiRoutes>;

/** Makes a client; `fetch` is what sends, and what turns a problem into an error. */
export function apiClient(baseUrl: string, fetch: (input: string, init?: RequestInit) => Promise<Response>) {
  const send = (input: RequestInfo | URL, init?: RequestInit): Promise<Response> =>
    fetch(addressOf(input), init);
  return hc<ApiRoutes>(baseUrl, { fetch: send }).api;
}

export type ApiClient = ReturnType<typeof apiClient>;

/** The document of an answer that was no problem. */
export type Answered<T> =
  Extract<T, { ok: true }> extends ClientResponse<infer Document, number> ? Document : never;

function addressOf(input: RequestInfo | URL): string {
  return input instanceof Request ? input.url : String(input);
}
