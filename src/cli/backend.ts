/**
 * How a command reaches the appliance: by the socket of the server that runs on the data folder, or, when none does,
 * on the folder itself. Both ways speak the same API, so a command is written once.
 */
import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import type { z } from "zod";
import { ApplianceError, ERROR_CODES, folderPaths, openAppliance, wordsOf } from "../appliance/index.ts";
import { type Answered, apiClient, type ApiClient, createApi, ProblemSchema } from "../web/index.ts";
import { dataFolderOf } from "./flags.ts";
import { VERSION } from "./version.ts";

export interface Api {
  /** True beside a running server. */
  readonly beside: boolean;
  /** The API, typed by its routes; a problem is thrown as ApplianceError. */
  readonly client: ApiClient;
  /** Calls the API; throws the problem as ApplianceError. `signal` ends a stream. */
  fetch(path: string, init?: { method?: string; body?: unknown; signal?: AbortSignal }): Promise<Response>;
  /** Sends a stream of bytes with PUT; throws as `fetch` does. */
  send(path: string, body: ReadableStream<Uint8Array>, signal: AbortSignal): Promise<void>;
}

/** Nobody resolves it: requests go to the socket, or to the API in this very process. */
const ORIGIN = "http://localhost";
/** A server that begins holds the lock a moment before its socket is there. */
const STARTING_SERVER_MS = 5_000;
const RETRY_MS = 100;

/** Runs `work` with the API of the data folder that the flags name. `command` is said to whoever finds the folder locked. */
export async function withApi<T>(
  flags: { readonly data?: string },
  command: string,
  work: (api: Api) => Promise<T>,
): Promise<T> {
  const dataFolder = dataFolderOf(flags);
  const { socket } = folderPaths(dataFolder);
  const deadline = Date.now() + STARTING_SERVER_MS;
  for (;;) {
    if (await answers(socket)) return work(socketApi(socket));
    try {
      return await withFolder(dataFolder, command, work);
    } catch (error) {
      const locked = error instanceof ApplianceError && error.code === "data-folder-locked";
      if (!locked || Date.now() >= deadline) throw error;
      await sleep(RETRY_MS);
    }
  }
}

/** Runs `work` beside a running server only. Throws "not-serving" when there is none. */
export async function withServer<T>(
  flags: { readonly data?: string },
  work: (api: Api) => Promise<T>,
): Promise<T> {
  const { socket } = folderPaths(dataFolderOf(flags));
  if (!(await answers(socket)))
    throw new ApplianceError(
      "not-serving",
      `No server runs on ${dataFolderOf(flags)}`,
      "Start one: pinetboot serve (or name its folder with --data).",
    );
  return work(socketApi(socket));
}

/** The document of an answer; `api.client` has thrown already when it is a problem. */
export async function read<T extends { readonly json: () => Promise<unknown> }>(
  answer: Promise<T>,
): Promise<Answered<T>> {
  // What is not ok was thrown.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return (await (await answer).json()) as Answered<T>;
}

/** Calls the API and reads its document, which must be what the schema says. */
export async function call<T>(
  api: Api,
  method: string,
  path: string,
  { body, schema }: { readonly body?: unknown; readonly schema: z.ZodType<T> },
): Promise<T> {
  const response = await api.fetch(path, { method, body });
  return schema.parse(await response.json());
}

/** Calls the API for what it does; there is nothing to read. */
export async function order(api: Api, method: string, path: string): Promise<void> {
  await api.fetch(path, { method });
}

async function withFolder<T>(
  dataFolder: string,
  command: string,
  work: (api: Api) => Promise<T>,
): Promise<T> {
  const appliance = await openAppliance({ dataFolder, purpose: `pinetboot ${command}` });
  try {
    const app = createApi({ appliance, serving: undefined, version: VERSION });
    const send = (url: string, init?: RequestInit): Promise<Response> =>
      Promise.resolve(app.fetch(new Request(url, init), { via: "own" })).then(checked);
    return await work({
      beside: false,
      client: apiClient(ORIGIN, send),
      fetch: async (path, init) =>
        checked(await app.fetch(new Request(`http://localhost${path}`, requestInit(init)), { via: "own" })),
      async send(path, body, signal) {
        const request = new Request(`http://localhost${path}`, { method: "PUT", body, signal });
        await checked(await app.fetch(request, { via: "own" }));
      },
    });
  } finally {
    await appliance.close();
  }
}

function socketApi(socket: string): Api {
  return {
    beside: true,
    client: apiClient(ORIGIN, (url, init) => fetch(url, { ...init, unix: socket }).then(checked)),
    fetch: async (path, init) =>
      checked(await fetch(`http://localhost${path}`, { ...requestInit(init), unix: socket })),
    async send(path, body, signal) {
      const init = { method: "PUT", body, signal, unix: socket };
      await checked(await fetch(`http://localhost${path}`, init));
    },
  };
}

/** True when a server answers on the socket; a file of a dead one does not. */
async function answers(socket: string): Promise<boolean> {
  if (!existsSync(socket)) return false;
  try {
    await fetch("http://localhost/api/health", { unix: socket });
    return true;
  } catch (error) {
    if (wordsOf(error).includes("EACCES"))
      throw new ApplianceError("data-folder-locked", `The server's socket ${socket} belongs to another user`);
    return false;
  }
}

function requestInit({ method, body, signal }: Parameters<Api["fetch"]>[1] = {}): RequestInit {
  return {
    method: method ?? "GET",
    ...(body !== undefined && {
      body: JSON.stringify(body),
      headers: { "content-type": "application/json" },
    }),
    ...(signal && { signal }),
  };
}

async function checked(response: Response): Promise<Response> {
  if (response.ok) return response;
  const said = ProblemSchema.safeParse(await response.json());
  if (!said.success) throw new ApplianceError("internal", `The server answered ${response.status}`);
  const { code, detail, fix } = said.data;
  const known = ERROR_CODES.find((candidate) => candidate === code);
  throw new ApplianceError(known ?? "bad-request", detail, fix ?? undefined);
}
