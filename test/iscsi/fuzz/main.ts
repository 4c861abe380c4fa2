/** The fuzzer of the iSCSI target: `bun test/iscsi/fuzz/main.ts` tells how. */
import { fuzzCommand } from "../../support/fuzz/command.ts";
import { cdbTarget } from "./cdb.ts";
import { framerTarget } from "./framer.ts";
import { loginTarget } from "./login.ts";
import { sessionTarget } from "./session.ts";
import { textTarget } from "./text.ts";

await fuzzCommand(import.meta.path, [framerTarget, loginTarget, textTarget, cdbTarget, sessionTarget]);
