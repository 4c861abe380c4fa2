/** `pinetboot backup` and `pinetboot restore`. */
import { resolve } from "node:path";
import { buildCommand } from "@stricli/core";
import { backupFolder, formatSize, restoreFolder } from "../../appliance/index.ts";
import { type LocalFlags, localFlags, dataFolderOf, text } from "../flags.ts";
import { printJson } from "../output.ts";
import { ProgressLine } from "../progress-line.ts";

const file = {
  kind: "tuple",
  parameters: [{ brief: "The backup", parse: text, placeholder: "file" }],
} as const;

function follow(line: ProgressLine) {
  return ({ doneBytes, totalBytes }: { readonly doneBytes: number; readonly totalBytes: number }): void =>
    line.show({
      step: formatSize(doneBytes),
      fraction: Math.min(1, doneBytes / Math.max(1, totalBytes)),
      etaSeconds: null,
    });
}

export const backupCommand = buildCommand({
  docs: {
    brief: "Write the whole data folder into one file",
    fullDescription:
      "Images, sessions with their secrets, snapshots, Pis: all of it, without holes, as a tar archive. Stop the server first:\n" +
      "it is refused while one runs. Keep the file as you would keep a password.\n\n" +
      "Example:\n  pinetboot backup /mnt/usb/pinetboot.tar",
  },
  parameters: {
    flags: {
      ...localFlags,
      force: { kind: "boolean", brief: "Replace a file that is there", default: false, withNegated: false },
    },
    positional: file,
  },
  async func(flags: LocalFlags & { readonly force: boolean }, path: string) {
    const line = new ProgressLine("Backing up", flags.json);
    try {
      const done = await backupFolder({
        dataFolder: dataFolderOf(flags),
        path: resolve(path),
        replace: flags.force,
        onProgress: follow(line),
      });
      line.end();
      if (flags.json)
        printJson({
          path: resolve(path),
          files: done.files,
          size_bytes: done.sizeBytes,
          left_out: done.leftOut,
        });
      else {
        console.log(`${path} holds ${done.files} files, ${formatSize(done.sizeBytes)}.`);
        for (const name of done.leftOut) console.log(`Left out, being none of pinetboot's: ${name}`);
      }
    } finally {
      line.end();
    }
  },
});

export const restoreCommand = buildCommand({
  docs: {
    brief: "Bring a data folder back from a backup",
    fullDescription:
      "The folder (--data) must not be there yet, or be empty. Everything is checked before it gets its name.\n\n" +
      "Example:\n  pinetboot restore /mnt/usb/pinetboot.tar --data ~/.local/share/pinetboot",
  },
  parameters: { flags: localFlags, positional: file },
  async func(flags: LocalFlags, path: string) {
    const line = new ProgressLine("Restoring", flags.json);
    const dataFolder = dataFolderOf(flags);
    try {
      const { files } = await restoreFolder({ path: resolve(path), dataFolder, onProgress: follow(line) });
      line.end();
      if (flags.json) printJson({ data: dataFolder, files });
      else console.log(`${dataFolder} is there again: ${files} files.`);
    } finally {
      line.end();
    }
  },
});
