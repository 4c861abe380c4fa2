/** The floors of docs/architecture.md as a rule: each imports only what stands below it. */
import { expect, test } from "bun:test";
import { dirname, join, relative, resolve } from "node:path";
import { Glob } from "bun";
import { SUITES } from "../scripts/suites.ts";

const root = resolve(import.meta.dir, "..");

/** Floor -> what of ours it may import, itself aside. */
const MAY_IMPORT: Record<string, readonly string[]> = {
  cli: ["web", "appliance", "images", "shim", "disk", "demo"],
  demo: [],
  web: ["appliance"],
  page: ["web", "appliance"],
  appliance: ["images", "shim", "disk", "dhcp4-ts", "tftp-ts", "iscsi-target-ts"],
  images: ["disk"],
  shim: ["disk"],
  disk: [],
  dhcp: [],
  tftp: [],
  "iscsi-target": [],
};

const PACKAGES = ["dhcp4-ts", "tftp-ts", "iscsi-target-ts"];

interface Import {
  readonly file: string;
  readonly floor: string;
  readonly to: string;
}

function floorOf(path: string): string | undefined {
  return relative(join(root, "src"), path).split("/")[0];
}

/** What the shipped sources import; tests, and a package's `testing/` folder, may reach further. */
async function ownImports(): Promise<Import[]> {
  const found: Import[] = [];
  const scanner = new Bun.Transpiler({ loader: "tsx" });
  for await (const file of new Glob("src/**/*.{ts,tsx}").scan(root)) {
    if (/\.test\.tsx?$|\/testing\//.test(file)) continue;
    const source = await Bun.file(join(root, file)).text();
    const floor = floorOf(join(root, file)) ?? "";
    const typeImports = [...source.matchAll(/(?:import|export) type [^;]*? from "([^"]+)"/g)].map(
      (m) => m[1] ?? "",
    );
    for (const path of [...scanner.scanImports(source).map((i) => i.path), ...typeImports]) {
      // Data, such as images/catalog.json, stands on no floor.
      if (path.endsWith(".json")) continue;
      if (path.startsWith(".")) {
        const to = floorOf(resolve(root, dirname(file), path)) ?? "";
        if (to !== floor) found.push({ file, floor, to });
      } else {
        const name = PACKAGES.find((p) => path === p || path.startsWith(`${p}/`));
        if (name) found.push({ file, floor, to: name });
      }
    }
  }
  return found;
}

test("every floor of src is known to the rule", async () => {
  for await (const file of new Glob("src/**/*.ts").scan(root)) {
    expect(MAY_IMPORT, file).toHaveProperty(floorOf(join(root, file)) ?? "");
  }
});

test("each floor imports only what stands below it", async () => {
  const wrong = (await ownImports()).filter(({ floor, to }) => !MAY_IMPORT[floor]?.includes(to));
  expect(wrong).toEqual([]);
});

test("the protocol packages are reached by their names and public index alone", async () => {
  const deep = (await ownImports()).filter(
    ({ to, floor }) => ["dhcp", "tftp", "iscsi-target"].includes(to) && floor !== to,
  );
  expect(deep).toEqual([]);
});

test("every test of the repository is run by a suite", async () => {
  const paths = SUITES.flatMap(({ steps }) => steps.flatMap((step) => ("paths" in step ? step.paths : [])));
  const files = [...new Glob("{src,test,scripts,bench}/**/*.test.{ts,tsx}").scanSync(root)];
  expect(files.length).toBeGreaterThan(100);
  expect(files.filter((file) => !paths.some((path) => file === path || file.startsWith(`${path}/`)))).toEqual(
    [],
  );
});
