/** `docs/conformance.md` out of the results of a run: the same results make the same text. */
import type { Disk } from "./disks.ts";
import type { TestResult, Verdict } from "./tool.ts";

export interface TgtResults {
  readonly version: string;
  readonly results: readonly TestResult[];
  /** Tests of a read-only disk that fail with tgt too when the tool may not destroy data. */
  readonly withoutLeave: readonly string[];
}

export interface RunResults {
  readonly tool: string;
  readonly disks: ReadonlyMap<Disk, readonly TestResult[]>;
  readonly tgt: TgtResults;
}

interface SkipReason {
  readonly says: RegExp;
  readonly why: string;
}

/** The first that the words of the test match. A skip that none explains is no good skip. */
const SKIP_REASONS: readonly SkipReason[] = [
  {
    says: /sanitize/i,
    why:
      "SANITIZE promises that nothing can be got back from anywhere. A session's disk stands on an image that other " +
      "sessions share and that must stay, on a file system that keeps what it has freed: the promise would be a lie.",
  },
  {
    says: /WRITEATOMIC16 is not implemented/,
    why:
      "WRITE ATOMIC promises all of a write or none of it after a loss of power too. Under an overlay lie the page cache " +
      "and the file system of the host, which promise that for no length.",
  },
  { says: /LBPPB < 2/, why: "Asks about physical blocks larger than logical ones; here they are the same." },
  { says: /not removable/, why: "The medium of this disk cannot be taken out." },
  { says: /not write-protected/, why: "This disk can be written." },
  {
    says: /does not support 0-blocks/,
    why:
      "WRITE SAME without a number of blocks would go on to the end of the disk; it is refused, and VPD page B0h says so " +
      "(WSNZ).",
  },
  { says: /CHAP_A=5/, why: "This disk has no login; others have." },
  { says: /--dataloss flag/, why: "Writes, which the tool may not on a disk that is read-only." },
];

/** Why a test was skipped; undefined when nobody has said. */
export function skipReason({ words }: TestResult): string | undefined {
  return SKIP_REASONS.find(({ says }) => words.some((text) => says.test(text)))?.why;
}

export function report({ tool, disks, tgt }: RunResults): string {
  const total = tgt.results.length;
  return `${[
    "# Conformance",
    "",
    `Written by the run itself (\`npm test -- --only iscsi\`, in \`test/iscsi/conformance\`), which fails when this text is not`,
    `what it found: then look at what has changed, and commit it. The suite is \`iscsi-test-cu\` of ${tool}, ${total} tests,`,
    "each in a process of its own, with two addresses of the disk for the tests of multipath. A skip counts as a skip.",
    `tgt ${tgt.version} runs beside it, on the machine's own package and its defaults.`,
    "",
    ...table(disks, tgt),
    "",
    "The first disk is what pinetboot serves, from its own server; the others are disks in memory behind the target alone.",
    "Excused is what the tool itself does wrong; it is listed below.",
    "The tool may destroy data (`-d -S`) on every disk but the read-only one, where it may only in the tests that it gives up",
    "otherwise before anything is sent.",
    "",
    "## Excused",
    "",
    ...excuses(disks, tgt),
    "",
    "## Skipped, and why",
    "",
    ...skips(disks),
    "",
    `## What tgt ${tgt.version} fails`,
    "",
    ...grouped(named(tgt.results, ["fail", "hang", "crash"])).map((names) => `- ${names}`),
  ].join("\n")}\n`;
}

/** Name, passes, failures, excused failures, skips. */
function tableRow(name: string, results: readonly TestResult[], excused: readonly string[]): string[] {
  const count = (...verdicts: Verdict[]): number =>
    named(results, verdicts).filter((test) => !excused.includes(test)).length;
  const bad = count("fail", "hang", "crash");
  return [name, `${count("pass")}`, `${bad}`, `${excused.length}`, `${count("skip")}`];
}

function table(disks: RunResults["disks"], tgt: TgtResults): string[] {
  const rows = [
    ...[...disks].map(([disk, results]) => tableRow(disk.name, results, excusedTests(disk))),
    tableRow(`tgt ${tgt.version}`, tgt.results, []),
  ];
  const header = ["disk", "pass", "fail", "excused", "skip"];
  const widths = header.map((word, i) =>
    Math.max(word.length, ...rows.map((cells) => cells[i]?.length ?? 0)),
  );
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0))).join(" | ")} |`;
  const rule = widths.map((width, i) => (i === 0 ? "-".repeat(width) : `${"-".repeat(width - 1)}:`));
  return [line(header), line(rule), ...rows.map(line)];
}

function excuses(disks: RunResults["disks"], tgt: TgtResults): string[] {
  const items = [...disks.keys()].flatMap((disk) =>
    disk.excuses.map(({ tests, why }) => `- ${grouped(tests).join(", ")} (${disk.name}). ${why}`),
  );
  return [
    ...items,
    "",
    "Without leave to destroy data (`-d`) the tool sends no PERSISTENT RESERVE OUT and no WRITE AND VERIFY, and fails the test all",
    `the same, on any disk of any target. With tgt ${tgt.version} these fail so:`,
    "",
    ...grouped(tgt.withoutLeave).map((names) => `- ${names}`),
  ];
}

function skips(disks: RunResults["disks"]): string[] {
  const tests = new Map<string, Map<string, string[]>>();
  for (const [disk, results] of disks) {
    for (const result of results.filter(({ verdict }) => verdict === "skip")) {
      const why = skipReason(result) ?? `Unexplained: ${result.words.join(" | ")}`;
      const byDisk = tests.get(why) ?? new Map<string, string[]>();
      tests.set(why, byDisk.set(disk.name, [...(byDisk.get(disk.name) ?? []), result.name]));
    }
  }
  const lines: string[] = [];
  for (const [why, byDisk] of tests) {
    lines.push(`- ${why}`);
    for (const [names, entries] of Map.groupBy(byDisk, ([, names]) => grouped(names).join(", "))) {
      const on = entries.length === disks.size ? "every disk" : entries.map(([disk]) => disk).join("; ");
      lines.push(`  - ${on}: ${names}`);
    }
  }
  return lines;
}

/** Names of one family together: "SCSI.Write10.{Simple,DpoFua}". */
function grouped(names: readonly string[]): string[] {
  const families = Map.groupBy(names, (name) => name.slice(0, name.lastIndexOf(".")));
  return [...families].map(([family, members]) => {
    const tests = members.map((name) => name.slice(family.length + 1));
    return `\`${family}.${tests.length === 1 ? tests[0] : `{${tests.join(",")}}`}\``;
  });
}

function named(results: readonly TestResult[], verdicts: readonly Verdict[]): string[] {
  return results.filter(({ verdict }) => verdicts.includes(verdict)).map(({ name }) => name);
}

export function excusedTests({ excuses }: Disk): string[] {
  return excuses.flatMap(({ tests }) => tests);
}
