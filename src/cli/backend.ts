/**
 * How a command reaches the appliance: at a server on another computer when it is told so, else by the socket of the
 * server that runs on the data folder, or, when none does, on the folder itself. All of them speak the same API, so a
 * command is written once.
 */
import { existsSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { ApplianceError, folderPaths, wordsOf } from "../appliance/index.ts";
import { type Answered, apiClient, type ApiClient } from "../web/index.ts";
import { dataFolderOf } from "./flags.ts";
import { remoteServerOf } from "./remote-server.ts";
import { remoteSend, type Send, socketSend, withFolderSend } from "./transport.ts";

export interface Api {
  /** Where it answers: a server's socket, another computer, or this very process. */
  readonly at: "socket" | "remote" | "folder";
  /** The API, typed by its routes; a problem is thrown as ApplianceError. */
  readonly client: ApiClient;
}

/** Which appliance a command is for. */
export interface Where {
  readonly data?: string;
  readonly server?: string;
}

/** Nobody resolves it: requests go to the socket, or to the API in this very process. */
const ORIGIN = "http://localhost";
/** A server that begins holds the lock a moment before its socket is there. */
const STARTING_SERVER_MS = 5_000;
const RETRY_MS = 100;

/** Runs `work` with the API that the flags name. `command` is said to whoever finds the folder locked. */
export async function withApi<T>(where: Where, command: string, work: (api: Api) => Promise<T>): Promise<T> {
  const remote = remoteServerOf(where);
  if (remote) return work(apiBy("remote", remoteSend(remote), remote.url));
  const dataFolder = dataFolderOf(where);
  const { socket } = folderPaths(dataFolder);
  const deadline = Date.now() + STARTING_SERVER_MS;
  for (;;) {
    if (await answers(socket)) return work(apiBy("socket", socketSend(socket)));
    try {
      return await withFolderSend(dataFolder, command, (send) => work(apiBy("folder", send)));
    } catch (error) {
      const locked = error instanceof ApplianceError && error.code === "data-folder-locked";
      if (!locked || Date.now() >= deadline) throw error;
      await sleep(RETRY_MS);
    }
  }
}

/** Runs `work` with a running server only. Throws "not-serving" when there is none. */
export async function withServer<T>(where: Where, work: (api: Api) => Promise<T>): Promise<T> {
  const api = await runningServer(where);
  if (!api)
    throw new ApplianceError(
      "not-serving",
      `No server runs on ${dataFolderOf(where)}`,
      "Start one: pinetboot serve (or name its folder with --data, its computer with --server).",
    );
  return work(api);
}

/** The server that the flags name, when one runs. */
export async function runningServer(where: Where): Promise<Api | undefined> {
  const remote = remoteServerOf(where);
  if (remote) return apiBy("remote", remoteSend(remote), remote.url);
  const { socket } = folderPaths(dataFolderOf(where));
  return (await answers(socket)) ? apiBy("socket", socketSend(socket)) : undefined;
}

/** The document of an answer; `api.client` has thrown already when it is a problem. */
export async function read<T extends { readonly json: () => Promise<unknown> }>(
  answer: Promise<T>,
): Promise<Answered<T>> {
  // What is not ok was thrown.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return (await (await answer).json()) as Answered<T>;
}

function apiBy(at: Api["at"], send: Send, origin = ORIGIN): Api {
  return { at, client: apiClient(origin, send) };
}

/** True when a server answers on the socket; a file of a dead one does not. */
async function answers(socket: string): Promise<boolean> {
  if (!existsSync(socket)) return false;
  try {
    await fetch(`${ORIGIN}/api/health`, { unix: socket });
    return true;
  } catch (error) {
    if (wordsOf(error).includes("EACCES"))
      throw new ApplianceError(
        "data-folder-locked",
        `The server's socket ${socket} belongs to another user`,
        "Run the command as the user who started the server, or use the page.",
      );
    return false;
  }
}
