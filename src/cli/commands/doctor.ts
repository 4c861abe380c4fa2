/** `pinetboot doctor` */
import { open, writeFile } from "node:fs/promises";
import { release, type } from "node:os";
import { resolve } from "node:path";
import { buildCommand } from "@stricli/core";
import { wordsOf } from "../../appliance/index.ts";
import type { Answered, ApiClient } from "../../web/index.ts";
import { type Api, read, withApi } from "../backend.ts";
import { wrapText } from "../cut-text.ts";
import { type CommonFlags, commonFlags } from "../flags.ts";
import { latestEvents } from "../latest-events.ts";
import { failure, inColour, printJson, printTable, terminalWidth } from "../output.ts";
import { VERSION } from "../version.ts";

type Finding = Answered<Awaited<ReturnType<ApiClient["doctor"]["$get"]>>>[number];
type Network = Answered<Awaited<ReturnType<ApiClient["network"]["$get"]>>>;

/** Where the words of a finding begin. */
const DETAIL_COLUMN = 14;
const MARKS = { ok: "ok", warning: "!", problem: "!!" } as const;
const COLOURS = { ok: 32, warning: 33, problem: 31 } as const;

export const doctorCommand = buildCommand({
  docs: {
    brief: "Look for what keeps Pis from coming up",
    fullDescription:
      "Looks at links, other DHCP servers, ports, the firewall, silent Pis, the clock, space and power, and shows who asked\n" +
      "the server and got no answer. Takes some seconds.\n" +
      "Ends with 1 when there is a problem. --report writes one file for a bug report; it holds no secret.\n\n" +
      "Example:\n  sudo pinetboot doctor",
  },
  parameters: {
    flags: {
      ...commonFlags,
      report: {
        kind: "parsed",
        parse: (word: string) => resolve(word),
        brief: "Write what was found, and the latest events, to this file",
        placeholder: "file",
        optional: true,
      },
    },
  },
  async func(flags: CommonFlags & { readonly report?: string }) {
    if (flags.report !== undefined) await checkWritable(flags.report);
    const { findings, network, report } = await withApi(flags, "doctor", async (api) => {
      const found = await read(api.client.doctor.$get());
      const seen = await read(api.client.network.$get());
      return { findings: found, network: seen, report: flags.report && (await reportText(api, found, seen)) };
    });
    if (flags.json) printJson(findings);
    else {
      for (const finding of findings) console.log(findingText(finding));
      printIgnored(network);
    }
    if (flags.report !== undefined && report) {
      await writeFile(flags.report, report);
      if (!flags.json) console.log(`\nThe report is in ${flags.report}`);
    }
    return findings.some(({ level }) => level === "problem")
      ? new Error("There are problems; see above")
      : undefined;
  },
});

/** Before the search, which takes seconds. What is in the file stays until there is a report. */
async function checkWritable(path: string): Promise<void> {
  try {
    await (await open(path, "a")).close();
  } catch (error) {
    throw failure(
      "not-permitted",
      `${path} cannot be written: ${wordsOf(error)}`,
      "Choose another file with --report.",
      { cause: error },
    );
  }
}

function findingText({ check, level, detail, fix }: Finding): string {
  const mark = MARKS[level].padStart(2);
  const head = inColour() ? `\u001b[${COLOURS[level]}m${mark}\u001b[0m` : mark;
  const indent = `\n${" ".repeat(DETAIL_COLUMN)}`;
  const width = terminalWidth() - DETAIL_COLUMN;
  const words = wrapText(detail, width).join(indent);
  const remedy = fix === null ? [] : wrapText(fix, width - 3);
  return `${head} ${check.padEnd(10)} ${words}${remedy.map((line, index) => `${indent}${index === 0 ? "-> " : "   "}${line}`).join("")}`;
}

/** Who asked since the server started and got nothing; nothing when nobody did. */
function printIgnored({ ignored }: Network): void {
  if (ignored.length === 0) return;
  console.log("\nAsked and got no answer:");
  printTable(
    ignored,
    [
      { title: "WHO", value: ({ who }) => who },
      { title: "NAME", value: ({ name, vendor }) => name ?? vendor ?? "" },
      {
        title: "ASKED",
        value: (one) => `${one.service}${one.interface === null ? "" : ` on ${one.interface}`}`,
      },
      { title: "TIMES", value: ({ times }) => String(times) },
      { title: "LAST", value: ({ last_at }) => new Date(last_at).toTimeString().slice(0, 8) },
      { title: "WHY NOT", value: ({ reason, fix }) => (fix === null ? reason : `${reason}. ${fix}`) },
    ],
    "",
  );
}

async function reportText(api: Api, findings: readonly Finding[], network: Network): Promise<string> {
  const health = await read(api.client.health.$get());
  const document = {
    version: VERSION,
    system: `${type()} ${release()} ${process.arch}`,
    at: new Date().toISOString(),
    health,
    findings,
    network,
    events: await latestEvents(api),
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}
