/** Names from the running server, for a shell that completes a word. */

import { type Api, read, runningServer } from "./backend.ts";
import { serverUrl } from "./remote-server.ts";

/** A server answers within milliseconds; one that hangs must not hold up whoever has pressed Tab. */
const PATIENCE_MS = 1_000;
/** What would not stay within its line of the answer. */
const UNPRINTABLE = /\p{Cc}/u;

const NAMES = {
  images: async ({ client }: Api) =>
    (await read(client.images.$get({ query: {} }))).flatMap(({ names, name }) =>
      names.length > 0 ? names : [name],
    ),
  sessions: async ({ client }: Api) => (await read(client.sessions.$get({ query: {} }))).map(({ id }) => id),
  pis: async ({ client }: Api) =>
    (await read(client.pis.$get({ query: {} }))).flatMap(({ key, label }) =>
      label === null ? [key] : [key, label],
    ),
  groups: async ({ client }: Api) =>
    (await read(client.pis.$get({ query: {} }))).flatMap(({ group }) => (group === null ? [] : [group])),
  keys: async ({ client }: Api) => (await read(client.keys.$get())).map(({ id }) => id),
  catalog: async ({ client }: Api) =>
    (await read(client.catalog.$get({ query: {} }))).entries.map(({ name }) => name),
  jobs: async ({ client }: Api) => {
    const [imports, copies] = await Promise.all([read(client.imports.$get()), read(client.jobs.$get())]);
    return [...imports.map(({ id }) => `i${id}`), ...copies.map(({ id }) => id)];
  },
} as const satisfies Record<string, (api: Api) => Promise<readonly string[]>>;

/**
 * What begins like the word that is being typed. Asks the server that the words before name (--data, --server); offers
 * nothing when none runs, when it is slow, or when it refuses: a prompt is no place for an error.
 */
export function propose(kind: keyof typeof NAMES): (partial: string) => Promise<readonly string[]> {
  return async (partial) => {
    const names = await Promise.race([
      namesOf(kind).catch(() => []),
      Bun.sleep(PATIENCE_MS).then((): readonly string[] => []),
    ]);
    return [...new Set(names)].filter((name) => name.startsWith(partial) && !UNPRINTABLE.test(name));
  };
}

async function namesOf(kind: keyof typeof NAMES): Promise<readonly string[]> {
  const data = typed("--data");
  const server = typed("--server");
  const api = await runningServer({
    ...(data !== undefined && { data }),
    ...(server !== undefined && { server: serverUrl(server) }),
  });
  return api ? NAMES[kind](api) : [];
}

/** The value of a flag in the line that is being typed. */
function typed(flag: string): string | undefined {
  const words = process.argv;
  const at = words.lastIndexOf(flag);
  const together = words.findLast((word) => word.startsWith(`${flag}=`))?.slice(flag.length + 1);
  return at < 0 ? together : words[at + 1];
}
