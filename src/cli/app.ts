/** The command line as one application. */
import {
  type Application,
  buildApplication,
  buildRouteMap,
  type CommandContext,
  text_en,
} from "@stricli/core";
import { backupCommand, restoreCommand } from "./commands/backup.ts";
import { completionCommand } from "./commands/completion.ts";
import { demoCommand } from "./commands/demo.ts";
import { doctorCommand } from "./commands/doctor.ts";
import { imageRoutes } from "./commands/image.ts";
import { keyRoutes } from "./commands/key.ts";
import { piRoutes } from "./commands/pi.ts";
import { sdcardCommand } from "./commands/sdcard.ts";
import { serveCommand } from "./commands/serve.ts";
import { sessionRoutes } from "./commands/session.ts";
import { shimRoutes } from "./commands/shim.ts";
import { watchCommand } from "./commands/watch.ts";
import { versionCommand } from "./commands/version.ts";
import { errorText, usageText } from "./output.ts";
import { WaitFailure } from "./wait/failure.ts";

/** Makes the application; `json` is how its errors are written. */
export function createApp(json: boolean): Application<CommandContext> {
  return buildApplication(
    buildRouteMap({
      routes: {
        serve: serveCommand,
        image: imageRoutes,
        session: sessionRoutes,
        pi: piRoutes,
        watch: watchCommand,
        key: keyRoutes,
        backup: backupCommand,
        restore: restoreCommand,
        doctor: doctorCommand,
        demo: demoCommand,
        shim: shimRoutes,
        sdcard: sdcardCommand,
        completion: completionCommand,
        version: versionCommand,
      },
      docs: {
        brief: "Boots Raspberry Pis over the network and gives disks over iSCSI",
        fullDescription:
          "Boots Raspberry Pis over the network and gives disks over iSCSI.\n\n" +
          "Example:\n  sudo pinetboot serve\n  pinetboot session create --image blank --size 1G",
      },
    }),
    {
      name: "pinetboot",
      documentation: { disableAnsiColor: true },
      determineExitCode: (error) => (error instanceof WaitFailure ? error.exitStatus : 1),
      localization: {
        text: {
          ...text_en,
          exceptionWhileParsingArguments: (error) =>
            usageText(text_en.exceptionWhileParsingArguments.call({}, error, false), json),
          noCommandRegisteredForInput: (input) => usageText(text_en.noCommandRegisteredForInput(input), json),
          exceptionWhileRunningCommand: (error) => errorText(error, json),
          commandErrorResult: (error) => errorText(error, json),
        },
      },
    },
  );
}
