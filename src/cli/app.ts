/** The command line as one application. */
import {
  type Application,
  ArgumentParseError,
  buildApplication,
  buildRouteMap,
  type CommandContext,
  text_en,
} from "@stricli/core";
import { ApplianceError } from "../appliance/index.ts";
import { backupCommand, restoreCommand } from "./commands/backup.ts";
import { completionCommand } from "./commands/completion.ts";
import { demoCommand } from "./commands/demo.ts";
import { doctorCommand } from "./commands/doctor.ts";
import { imageRoutes } from "./commands/image.ts";
import { jobRoutes } from "./commands/job.ts";
import { keyRoutes } from "./commands/key.ts";
import { piRoutes } from "./commands/pi.ts";
import { sdcardCommand } from "./commands/sdcard.ts";
import { serveCommand } from "./commands/serve.ts";
import { sessionRoutes } from "./commands/session.ts";
import { shimRoutes } from "./commands/shim.ts";
import { watchCommand } from "./commands/watch.ts";
import { versionCommand } from "./commands/version.ts";
import { errorText, usageText } from "./output.ts";
import { ReaderGone } from "./standard-output.ts";
import { VERSION } from "./version.ts";
import { WaitFailure } from "./wait/failure.ts";

/** A flag's own refusal has its own words and remedy. */
function parsingText(error: unknown, json: boolean): string {
  if (error instanceof ArgumentParseError && error.exception instanceof ApplianceError) {
    const { message, fix } = error.exception;
    return usageText(`${error.externalFlagNameOrPlaceholder}: ${message}`, json, fix);
  }
  return usageText(text_en.exceptionWhileParsingArguments.call({}, error, false), json);
}

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
        job: jobRoutes,
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
          "Exit status: 0 done, 1 failed, 2 wrong words; pi wait has more. Results go to stdout, errors to stderr as one line.\n" +
          "With --json a result is one document (with watch one each line), and an error is\n" +
          '{"error":{"code","message","fix"}} on stderr.\n\n' +
          "Example:\n  sudo pinetboot serve\n  pinetboot session create --image blank --size 1G",
      },
    }),
    {
      name: "pinetboot",
      versionInfo: { currentVersion: VERSION },
      scanner: { caseStyle: "allow-kebab-for-camel" },
      documentation: { disableAnsiColor: true, onlyRequiredInUsageLine: true },
      determineExitCode: (error) =>
        error instanceof WaitFailure || error instanceof ReaderGone ? error.exitStatus : 1,
      localization: {
        text: {
          ...text_en,
          exceptionWhileParsingArguments: (error) => parsingText(error, json),
          noCommandRegisteredForInput: (input) => usageText(text_en.noCommandRegisteredForInput(input), json),
          exceptionWhileRunningCommand: (error) =>
            error instanceof ReaderGone ? "" : errorText(error, json),
          commandErrorResult: (error) => errorText(error, json),
        },
      },
    },
  );
}
