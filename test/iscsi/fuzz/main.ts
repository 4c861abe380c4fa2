/** The fuzzer of the iSCSI target: `bun test/iscsi/fuzz/main.ts` tells how. */
import { fuzzCommand } from "../../support/fuzz/command.ts";
import { framerTarget } from "./framer.ts";

await fuzzCommand(import.meta.path, [framerTarget]);
