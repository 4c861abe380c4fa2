/** `pinetboot image import` and `pinetboot image pull`. */
import { basename, resolve } from "node:path";
import { buildCommand } from "@stricli/core";
import { propose } from "../complete-names.ts";
import { FORMAT_CHOICES, type FormatChoice } from "../../appliance/index.ts";
import { type CommonFlags, commonFlags, text } from "../flags.ts";
import { importAndSay } from "../run-import.ts";

const WEB_ADDRESS = /^[a-z][a-z0-9+.-]*:\/\//i;
const STANDARD_INPUT = "-";

const nameFlag = {
  kind: "parsed",
  parse: text,
  brief: "Name for it (default: the file's)",
  placeholder: "name",
  optional: true,
} as const;
const sha256Flag = {
  kind: "parsed",
  parse: text,
  brief: "sha256 sum of the file, or of the image in it",
  placeholder: "sum",
  optional: true,
} as const;

interface ImportFlags extends CommonFlags {
  readonly name?: string;
  readonly sha256?: string;
  readonly format: FormatChoice;
}

export const importCommand = buildCommand({
  docs: {
    brief: "Take a disk image into the library",
    fullDescription:
      "From a file, an http or https address, or standard input (-). Raw images and ISOs, qcow2, and images packed with\n" +
      "gzip, xz, zstd, bzip2 or zip; what it is is told by its content. The file is not changed. An address whose\n" +
      "connection was lost goes on where it stopped when the same command is run again.\n\n" +
      "Example:\n  pinetboot image import raspios.img.xz --name raspios\n" +
      "  pinetboot image import https://example.org/disk.qcow2 --sha256 SUM\n" +
      "  ssh pi sudo cat /dev/mmcblk0 | pinetboot image import - --name card",
  },
  parameters: {
    flags: {
      ...commonFlags,
      name: nameFlag,
      sha256: sha256Flag,
      format: {
        kind: "enum",
        values: FORMAT_CHOICES,
        brief: "raw: a disk as it stands, even when it begins like qcow2",
        default: "auto",
      },
    },
    positional: {
      kind: "tuple",
      parameters: [
        { brief: "The file, its address, or - for standard input", parse: text, placeholder: "source" },
      ],
    },
  },
  async func(flags: ImportFlags, source: string) {
    const { name, sha256, format } = flags;
    const settings = { name, sha256, format };
    const command = "image import";
    if (source === STANDARD_INPUT) {
      const from = { upload: { file: "standard-input" } };
      await importAndSay(flags, { command, what: "standard input", from, settings, fromInput: true });
      return;
    }
    const from = WEB_ADDRESS.test(source) ? { url: source } : { path: resolve(source) };
    await importAndSay(flags, { command, what: basename(source), from, settings });
  },
});

interface PullFlags extends CommonFlags {
  readonly name?: string;
  readonly repo?: string;
}

export const pullCommand = buildCommand({
  docs: {
    brief: "Fetch an image of the catalog by its name",
    fullDescription:
      "The names are those of pinetboot image catalog. What comes is compared with the catalog's sha256 sums.\n\n" +
      "Example:\n  pinetboot image pull raspios-lite\n" +
      "  pinetboot image pull raspios-lite --repo https://downloads.raspberrypi.com/os_list_imagingutility_v4.json",
  },
  parameters: {
    flags: {
      ...commonFlags,
      name: { ...nameFlag, brief: "Name for it (default: the catalog's)" },
      repo: {
        kind: "parsed",
        parse: text,
        brief: "Address of a Raspberry Pi Imager list to take it from",
        placeholder: "url",
        optional: true,
      },
    },
    positional: {
      kind: "tuple",
      parameters: [
        {
          brief: "Name in the catalog",
          parse: text,
          placeholder: "name",
          proposeCompletions: propose("catalog"),
        },
      ],
    },
  },
  async func(flags: PullFlags, entry: string) {
    const { name, repo } = flags;
    const from = { catalog: { name: entry, repo } };
    await importAndSay(flags, { command: "image pull", what: entry, from, settings: { name } });
  },
});
