/** `pinetboot version` */
import { buildCommand } from "@stricli/core";
import { defaultCacheFolder } from "../../appliance/index.ts";
import { findShim } from "../../shim/index.ts";
import { localFlags, type LocalFlags } from "../flags.ts";
import { printJson } from "../output.ts";
import { VERSION } from "../version.ts";

export const versionCommand = buildCommand({
  docs: { brief: "Say what this is", fullDescription: "Example:\n  pinetboot version --json" },
  parameters: { flags: { json: localFlags.json } },
  async func({ json }: Pick<LocalFlags, "json">) {
    const shim = (await findShim({ cacheDir: defaultCacheFolder() })) !== undefined;
    const platform = `${process.platform}-${process.arch}`;
    if (json) printJson({ version: VERSION, platform, bun: Bun.version, shim });
    else
      console.log(
        `pinetboot ${VERSION} (${platform}, Bun ${Bun.version}, ${shim ? "with" : "no"} boot shim)`,
      );
  },
});
