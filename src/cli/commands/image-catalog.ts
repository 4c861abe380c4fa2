/** `pinetboot image catalog` */
import { buildCommand } from "@stricli/core";
import { formatSize } from "../../appliance/index.ts";
import type { Answered, ApiClient } from "../../web/index.ts";
import { read, withApi } from "../backend.ts";
import { type CommonFlags, commonFlags, text } from "../flags.ts";
import { printJson, printTable } from "../output.ts";

type Entry = Answered<Awaited<ReturnType<ApiClient["catalog"]["$get"]>>>["entries"][number];

interface CatalogFlags extends CommonFlags {
  readonly repo?: string;
}

export const catalogCommand = buildCommand({
  docs: {
    brief: "List the images that can be fetched by name",
    fullDescription:
      "The built-in list works without a network; any list of Raspberry Pi Imager can be given with --repo.\n\n" +
      "Example:\n  pinetboot image catalog\n" +
      "  pinetboot image catalog --repo https://downloads.raspberrypi.com/os_list_imagingutility_v4.json",
  },
  parameters: {
    flags: {
      ...commonFlags,
      repo: {
        kind: "parsed",
        parse: text,
        brief: "Address of a Raspberry Pi Imager list",
        placeholder: "url",
        optional: true,
      },
    },
  },
  async func(flags: CatalogFlags) {
    const { repo } = flags;
    const query = repo === undefined ? {} : { repo };
    const catalog = await withApi(flags, "image catalog", (api) => read(api.client.catalog.$get({ query })));
    if (flags.json) {
      printJson(catalog);
      return;
    }
    printTable(catalog.entries, COLUMNS, "The catalog has no images.");
    const unfetched = catalog.entries.filter(({ ever_fetched }) => ever_fetched === false).length;
    if (unfetched > 0)
      console.log(
        `\nNobody has fetched ${unfetched === 1 ? "the one" : `the ${unfetched}`} marked "untried" with pinetboot yet: an address may have moved.`,
      );
    for (const trouble of catalog.troubles) console.error(`pinetboot: ${trouble}`);
  },
});

const COLUMNS = [
  { title: "NAME", value: ({ name }: Entry) => name },
  { title: "WHAT", value: ({ title }: Entry) => title, spare: 1 },
  { title: "FETCH", value: ({ download_bytes }: Entry) => sizeOf(download_bytes), whole: true, spare: 3 },
  { title: "DISK", value: ({ size_bytes }: Entry) => sizeOf(size_bytes), whole: true, spare: 2 },
  {
    title: "RELEASED",
    value: ({ release_date }: Entry) => release_date?.slice(0, 10) ?? "-",
    whole: true,
    spare: 4,
  },
  { title: "STATE", value: stateOf },
] as const;

function sizeOf(bytes: number | null): string {
  return bytes === null ? "-" : formatSize(bytes);
}

function stateOf({ image, ever_fetched, checked }: Entry): string {
  if (image !== null) return "in the library";
  const words = [ever_fetched === false ? "untried" : "", checked ? "" : "no sum to check it by"];
  return words.filter(Boolean).join(", ") || "-";
}
