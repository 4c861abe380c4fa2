/** `pinetboot key ...` */
import { buildCommand, buildRouteMap } from "@stricli/core";
import { propose } from "../complete-names.ts";
import { read, withApi, withServer } from "../backend.ts";
import { type CommonFlags, commonFlags, text } from "../flags.ts";
import { failure, printJson, printTable } from "../output.ts";

const create = buildCommand({
  docs: {
    brief: "Make a key for a program that uses the API over the network",
    fullDescription:
      "Keys are wanted when serve has --http with an address that is not this computer's own. The key is shown this once.\n\n" +
      "Example:\n  pinetboot key create rack-3",
  },
  parameters: {
    flags: commonFlags,
    positional: {
      kind: "tuple",
      parameters: [{ brief: "What to call it", parse: text, placeholder: "name" }],
    },
  },
  async func(flags: CommonFlags, name: string) {
    const made = await withApi(flags, "key create", (api) => read(api.client.keys.$post({ json: { name } })));
    if (flags.json) printJson(made);
    else
      console.log(
        `Key ${made.id} (${made.name}), shown this once:\n\n  ${made.key}\n\nSend it as: Authorization: Bearer KEY`,
      );
  },
});

const list = buildCommand({
  docs: { brief: "List the keys", fullDescription: "Example:\n  pinetboot key list" },
  parameters: { flags: commonFlags },
  async func(flags: CommonFlags) {
    const keys = await withApi(flags, "key list", (api) => read(api.client.keys.$get()));
    if (flags.json) printJson(keys);
    else
      printTable(
        keys,
        [
          { title: "ID", value: ({ id }) => id },
          { title: "NAME", value: ({ name }) => name },
          { title: "MADE", value: ({ created_at }) => minute(created_at) },
          { title: "LAST USED", value: ({ used_at }) => (used_at === null ? "never" : minute(used_at)) },
        ],
        "There are no keys. On this computer none is needed.",
      );
  },
});

const remove = buildCommand({
  docs: { brief: "Take a key back", fullDescription: "Example:\n  pinetboot key remove 1f3a9c20" },
  parameters: {
    flags: commonFlags,
    positional: {
      kind: "tuple",
      parameters: [
        { brief: "Id of the key", parse: text, placeholder: "id", proposeCompletions: propose("keys") },
      ],
    },
  },
  async func(flags: CommonFlags, id: string) {
    await withApi(flags, "key remove", (api) => api.client.keys[":id"].$delete({ param: { id } }));
    if (flags.json) printJson({ removed: id });
    else console.log(`Key ${id} opens nothing any more.`);
  },
});

const link = buildCommand({
  docs: {
    brief: "Print a link that lets one browser on the network in",
    fullDescription:
      "It works once, within a quarter of an hour. The browser stays in until its key is removed.\n\n" +
      "Example:\n  pinetboot key link",
  },
  parameters: { flags: commonFlags },
  async func(flags: CommonFlags) {
    const url = await withServer(flags, async (api) => {
      const { page } = await read(api.client.health.$get());
      if (page === null)
        throw failure("not-serving", "The page is not served", "See what serve says of its port, or --http.");
      const { path } = await read(api.client.keys.link.$post());
      return `${page}${path}`;
    });
    if (flags.json) printJson({ url });
    else console.log(url);
  },
});

function minute(time: string): string {
  return time.slice(0, 16).replace("T", " ");
}

export const keyRoutes = buildRouteMap({
  routes: { create, list, remove, link },
  docs: { brief: "Who may use the API over the network" },
});
