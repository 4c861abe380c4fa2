/** What `npm test` runs, in order: what is quick and tells most comes first. */
export interface Suite {
  readonly name: string;
  /** Why it exists, in words for the person who reads the run. */
  readonly about: string;
  /** Command lines of which each must succeed; `bun test` ones are counted by their own report. */
  readonly steps: readonly Step[];
  /** What `npm run test:long` does more of, in words. */
  readonly long?: string;
  /** It keeps every core busy by itself, or others need what it makes: nothing runs beside it. */
  readonly alone?: true;
  /** It takes longer than the others that run side by side: it starts before them, so that they fit beside it. */
  readonly first?: true;
}

export type Step =
  | { readonly kind: "command"; readonly command: readonly string[] }
  | { readonly kind: "bun-test"; readonly paths: readonly string[] };

const command = (...words: string[]): Step => ({ kind: "command", command: words });
const tests = (...paths: string[]): Step => ({ kind: "bun-test", paths });

export const SUITES: readonly Suite[] = [
  {
    name: "check",
    alone: true,
    about: "types, lint, format, floors",
    steps: [
      command("tsc", "-p", "."),
      command("oxlint", "--type-aware"),
      command("oxfmt", "--check", "."),
      tests("test/architecture.test.ts", "test/docs.test.ts"),
    ],
  },
  {
    name: "binary",
    alone: true,
    about: "the shim built (or taken from the cache), then ./pinetboot with it",
    steps: [command("bun", "build.ts")],
  },
  {
    name: "unit",
    about: "codecs, machines and models beside their sources",
    long: "6000 histories of an overlay on a simulated disk with kills, losses of power and a full disk (100 in npm test)",
    steps: [tests("src", "test/sim")],
  },
  {
    name: "disk",
    about:
      "layers and images against QEMU's programs; kill -9, losses of power, full, failing and slow disks",
    long:
      "200 kills of the server and 200 of a bare overlay (20, 25); 5 machines that lose power, looked at as of 55 moments " +
      "(1, 5); 1200 histories cut at every boundary of a write (30); 5 minutes of fuzzing overlay files (5 s)",
    steps: [tests("test/disk", "test/images")],
  },
  {
    name: "dhcp",
    about: "real DHCP clients beside the proxy and behind the server",
    steps: [tests("test/dhcp")],
  },
  { name: "tftp", about: "real TFTP clients, also through a lossy wire", steps: [tests("test/tftp")] },
  {
    name: "iscsi",
    about: "libiscsi and its conformance suite, QEMU, hostile initiators, fuzz",
    long: "5 minutes of fuzzing each parser (3 s)",
    steps: [tests("test/iscsi")],
  },
  {
    name: "interop",
    about: "Linux, QEMU, iPXE, UEFI and a client of a microcontroller's size on the whole server",
    steps: [tests("test/interop")],
  },
  {
    name: "server",
    about: "the command line, the API and the whole server",
    long: "40 kills in the midst of what can be done with a session, 100 while it is snapshotted live (3, 5)",
    steps: [tests("test/appliance", "test/cli")],
  },
  {
    name: "page",
    about: "the page in a browser, as a person uses it",
    steps: [tests("test/page")],
  },
  {
    name: "shim",
    about: "the shim's parts and its tree under other people's servers",
    steps: [tests("test/shim", "test/userland", "test/screen")],
  },
  {
    name: "boot",
    first: true,
    about: "Pis boot: firmware emulator, then QEMU on the bytes it fetched",
    steps: [tests("test/boot")],
  },
  {
    name: "roots",
    first: true,
    about: "root disks of four kinds of Debian outlive cables, sleep, leases and shutdowns",
    long: "leases that end, longer absences, and every root shut down both ways",
    steps: [tests("test/roots")],
  },
];
