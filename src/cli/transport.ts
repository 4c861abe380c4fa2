/** The three ways to the API: a server's socket, a server on another computer, the data folder in this very process. */
import { ApplianceError, ERROR_CODES, errnoOf, openAppliance, wordsOf } from "../appliance/index.ts";
import { createApi, ProblemSchema } from "../web/index.ts";
import type { RemoteServer } from "./remote-server.ts";
import { VERSION } from "./version.ts";

/** Sends one request; a problem is thrown as ApplianceError. */
export type Send = (url: string, init?: RequestInit) => Promise<Response>;

/** The server was there, and is not any more. */
export function serverGone(cause: unknown): ApplianceError {
  return new ApplianceError("not-serving", "The server went away", "Start it again: pinetboot serve", {
    cause,
  });
}

/** To the server that listens on the socket. Throws "not-serving" when it goes away meanwhile. */
export function socketSend(socket: string): Send {
  return async (url, init) => {
    const signal = init?.signal;
    const answer = await fetch(url, { ...init, unix: socket }).catch((error: unknown) => {
      throw signal?.aborted ? error : serverGone(error);
    });
    return checked(answer);
  };
}

/** To a server on another computer; what it wants of a key is told in the words of a command. */
export function remoteSend({ url: base, key }: RemoteServer): Send {
  return async (url, init) => {
    const headers = new Headers(init?.headers);
    if (key !== undefined) headers.set("authorization", `Bearer ${key}`);
    const signal = init?.signal;
    // A body that is a stream goes out as it comes.
    const answer = await fetch(url, { ...init, headers, redirect: "error" }).catch((error: unknown) => {
      if (signal?.aborted) throw error;
      throw new ApplianceError(
        "unreachable",
        `No pinetboot answers at ${base} (${errnoOf(error) ?? wordsOf(error)})`,
        "Is it served there to the network? sudo pinetboot serve --http 0.0.0.0:8080",
        { cause: error },
      );
    });
    return checked(answer, key !== undefined);
  };
}

/** Runs `work` on the data folder itself, which nobody else may have open meanwhile. */
export async function withFolderSend<T>(
  dataFolder: string,
  command: string,
  work: (send: Send) => Promise<T>,
): Promise<T> {
  const appliance = await openAppliance({ dataFolder, purpose: `pinetboot ${command}` });
  try {
    const app = createApi({ appliance, serving: undefined, version: VERSION });
    return await work(async (url, init) => checked(await app.fetch(new Request(url, init), { via: "own" })));
  } finally {
    await appliance.close();
  }
}

async function checked(response: Response, withKey = false): Promise<Response> {
  if (response.ok) return response;
  const said = ProblemSchema.safeParse(await response.json().catch(() => undefined));
  if (!said.success)
    throw new ApplianceError(
      "internal",
      `The server answered ${response.status} without saying why`,
      "Is it pinetboot, and of this version?",
    );
  const { code, detail, fix } = said.data;
  if (code === "key-needed")
    throw new ApplianceError(
      "not-permitted",
      withKey ? "The server does not know the key of $PINETBOOT_KEY" : "The server wants a key",
      "Make one on its computer (pinetboot key create NAME) and give it in the environment: PINETBOOT_KEY=...",
    );
  const known = ERROR_CODES.find((candidate) => candidate === code);
  throw new ApplianceError(known ?? "bad-request", detail, fix ?? undefined);
}
