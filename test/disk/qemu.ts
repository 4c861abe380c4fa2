/** QEMU's tools as judges of our files. */
import { expect } from "bun:test";

function run(command: readonly string[]): { code: number; out: string } {
  const { exitCode, stdout, stderr } = Bun.spawnSync([...command]);
  return { code: exitCode, out: stdout.toString() + stderr.toString() };
}

/** `qemu-img check` finds no error and no leak, and the dirty bit (which check does not report) is clear. */
export async function expectCheckClean(path: string): Promise<void> {
  const { code, out } = run(["qemu-img", "check", path]);
  expect({ code, out }).toMatchObject({ code: 0 });
  expect(out).toContain("No errors were found");
  expect(await isDirty(path)).toBe(false);
}

/** Bit 0 of the incompatible features, read by ourselves. */
export async function isDirty(path: string): Promise<boolean> {
  const header = new DataView(await Bun.file(path).slice(0, 104).arrayBuffer());
  return (header.getUint32(76) & 1) !== 0;
}

/** A guest reads the same from the overlay as from the raw file. */
export function expectIdentical(overlay: string, raw: string): void {
  const { code, out } = run(["qemu-img", "compare", "-f", "qcow2", "-F", "raw", overlay, raw]);
  expect({ code, out }).toMatchObject({ code: 0 });
}

/** Runs qemu-io commands on the overlay; each must succeed. */
export function qemuIo(path: string, ...commands: readonly string[]): void {
  const { code, out } = run([
    "qemu-io",
    "-f",
    "qcow2",
    ...commands.flatMap((command) => ["-c", command]),
    path,
  ]);
  expect({ code, out }).toMatchObject({ code: 0 });
  expect(out).not.toContain("Pattern verification failed");
}
