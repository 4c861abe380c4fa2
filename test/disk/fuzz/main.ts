/** The fuzzer of overlay files: `bun test/disk/fuzz/main.ts` tells how. */
import { fuzzCommand } from "../../support/fuzz/command.ts";
import { overlayTarget } from "./overlay.ts";

await fuzzCommand(import.meta.path, [overlayTarget]);
