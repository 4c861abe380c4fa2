/** `pinetboot image ...` */
import { buildCommand, buildRouteMap } from "@stricli/core";
import { formatSize } from "../../appliance/index.ts";
import { propose } from "../complete-names.ts";
import { read, withApi } from "../backend.ts";
import { type CommonFlags, commonFlags, text } from "../flags.ts";
import { printJson, printTable } from "../output.ts";
import { catalogCommand } from "./image-catalog.ts";
import { importCommand, pullCommand } from "./image-import.ts";
import { df, exportImage, gc, history } from "./image-storage.ts";

const list = buildCommand({
  docs: { brief: "List the images", fullDescription: "Example:\n  pinetboot image list" },
  parameters: { flags: commonFlags },
  async func(flags: CommonFlags) {
    const images = await withApi(flags, "image list", (api) => read(api.client.images.$get({ query: {} })));
    if (flags.json) printJson(images);
    else
      printTable(
        images,
        [
          { title: "NAME", value: ({ names, name }) => names.join(", ") || name },
          { title: "ID", value: ({ id }) => id.slice(0, 12), whole: true },
          { title: "SIZE", value: ({ size_bytes }) => formatSize(size_bytes), whole: true },
          {
            title: "IMPORTED",
            value: ({ imported_at }) => imported_at?.slice(0, 16).replace("T", " ") ?? "-",
            whole: true,
            spare: 1,
          },
          { title: "FROM", value: ({ source }) => source ?? "-", spare: 2 },
        ],
        "The library is empty.",
      );
  },
});

const nameArgument = {
  kind: "tuple",
  parameters: [
    {
      brief: "Name, id, or the first 8 digits of it",
      parse: text,
      placeholder: "image",
      proposeCompletions: propose("images"),
    },
  ],
} as const;

const info = buildCommand({
  docs: { brief: "Show one image", fullDescription: "Example:\n  pinetboot image info raspios" },
  parameters: { flags: commonFlags, positional: nameArgument },
  async func(flags: CommonFlags, name: string) {
    const image = await withApi(flags, "image info", (api) =>
      read(api.client.images[":id"].$get({ param: { id: name } })),
    );
    if (flags.json) {
      printJson(image);
      return;
    }
    console.log(`${image.name}
  id         ${image.id}
  names      ${image.names.join(", ") || "-"}
  size       ${formatSize(image.size_bytes)}, ${formatSize(image.allocated_bytes)} on disk
  imported   ${image.imported_at ?? "-"} from ${image.source ?? "-"}
  used by    ${image.used_by.join(", ") || "nobody"}
  partitions ${image.partition_scheme}`);
    for (const { number, start_bytes, size_bytes, type } of image.partitions)
      console.log(`    ${number}  ${formatSize(size_bytes)} at ${formatSize(start_bytes)}  ${type}`);
  },
});

const remove = buildCommand({
  docs: {
    brief: "Remove an image; refused while a session or a Pi needs it",
    fullDescription: "Example:\n  pinetboot image remove raspios",
  },
  parameters: { flags: commonFlags, positional: nameArgument },
  async func(flags: CommonFlags, name: string) {
    await withApi(flags, "image remove", (api) => api.client.images[":id"].$delete({ param: { id: name } }));
    if (flags.json) printJson({ removed: name });
    else console.log(`${name} was removed.`);
  },
});

export const imageRoutes = buildRouteMap({
  routes: {
    import: importCommand,
    pull: pullCommand,
    catalog: catalogCommand,
    list,
    info,
    export: exportImage,
    history,
    df,
    gc,
    remove,
  },
  docs: { brief: "The library of disk images" },
});
