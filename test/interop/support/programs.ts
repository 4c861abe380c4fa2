/** Programs of this folder, compiled for the machine that they run on. */
import { join } from "node:path";
import { runProgram } from "../../support/pinetboot.ts";

const SOURCES = join(import.meta.dir, "..");
const WARNINGS = ["-O1", "-Wall", "-Wextra", "-Werror"];

/** The client of a microcontroller's size, for this machine. */
export async function compileBridge(folder: string): Promise<string> {
  const program = join(folder, "bridge");
  await compile(["gcc", ...WARNINGS, "-o", program, join(SOURCES, "bridge/bridge.c"), "-lm"]);
  return program;
}

/** A boot sector and what it loads, to be laid at the beginning of a disk. */
export async function compileBootSector(folder: string): Promise<Buffer> {
  const file = join(folder, "int13.bin");
  const layout = "-Wl,-Ttext=0x7c00,--oformat=binary,-e,start,--build-id=none";
  const source = join(SOURCES, "firmware/int13.S");
  await compile(["gcc", "-m32", "-nostdlib", "-static", layout, "-o", file, source]);
  return Buffer.from(await Bun.file(file).bytes());
}

/** An application for 64-bit UEFI; returns its path. */
export async function compileUefiProgram(folder: string): Promise<string> {
  const [object, file] = [join(folder, "esp.o"), join(folder, "esp.efi")];
  const freestanding = [
    ..."-m64 -ffreestanding -fno-stack-protector -mno-red-zone -fshort-wchar -fpie".split(" "),
    // Sections that have no place in a PE file.
    ..."-fno-ident -fno-asynchronous-unwind-tables".split(" "),
  ];
  await compile(["gcc", ...WARNINGS, ...freestanding, "-c", "-o", object, join(SOURCES, "firmware/esp.c")]);
  await compile([
    ..."ld -m i386pep --subsystem 10 -e efi_main --image-base 0x400000 -o".split(" "),
    file,
    object,
  ]);
  return file;
}

async function compile(command: readonly string[]): Promise<void> {
  const { code, stderr } = await runProgram(command);
  if (code !== 0) throw new Error(`${command.join(" ")}: ${stderr}`);
}
