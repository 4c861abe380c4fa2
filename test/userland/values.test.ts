import { afterEach, beforeEach, expect, test } from "bun:test";
import fc from "fast-check";
import { describeWith } from "../support/tools.ts";
import { ShimShell } from "./shim-shell.ts";

/** Every process start costs milliseconds: fewer runs than fast-check's hundred keep the suite quick. */
const RUNS = { numRuns: 25 };

/** Bytes of a parameter: anything but NUL and the end of a line, which neither a shell nor the seam can carry. */
const anyBytes = fc
  .uint8Array({ minLength: 1, maxLength: 60 })
  .map((bytes) => Buffer.from(bytes.map((byte) => (byte === 0 || byte === 10 ? 0x27 : byte))));

describeWith(["busybox"], "the shim's parameters", () => {
  let shell: ShimShell;
  beforeEach(() => {
    shell = new ShimShell();
  });
  afterEach(() => shell.dispose());

  const commandLine = (text: string | Uint8Array): void => shell.write("proc/cmdline", text);

  test("the kernel command line is split at blanks, and quotes hold blanks together as the kernel does it", () => {
    commandLine('quiet iscsi.ip=10.0.0.1  iscsi.username="a b" "iscsi.password=c d=e" iscsi.port=\n');
    const { text } = shell.run(
      "cmdline_read; for key in ip username password port; do value_get cmdline iscsi.$key; echo; done",
    );
    expect(text).toBe("10.0.0.1\na b\nc d=e\n\n");
  });

  test("nothing of a command line is executed or expanded", () => {
    commandLine("iscsi.password=$(touch${IFS}hacked)`id`*?[a-z]\\n;exit\n");
    const { text } = shell.run("cmdline_read; value_get cmdline iscsi.password");
    expect(text).toBe("$(touch${IFS}hacked)`id`*?[a-z]\\n;exit");
  });

  test("a value of any bytes survives the boot endpoint's answer", () => {
    fc.assert(
      fc.property(anyBytes, (password) => {
        shell.write("answer", Buffer.concat([Buffer.from("state=ready\niscsi.password="), password]));
        const { bytes } = shell.run(
          `values_from_lines endpoint <'${shell.path("answer")}'; value_get endpoint iscsi.password`,
        );
        expect(bytes).toEqual(password);
      }),
      RUNS,
    );
  });

  test("a value of any printable characters survives the kernel command line", () => {
    const printable = fc.string({
      unit: fc.constantFrom(...Array.from("aZ09$`'\\*?[]{}()<>|&;!#~^%=,.:-é")),
      maxLength: 40,
    });
    fc.assert(
      fc.property(printable, (value) => {
        commandLine(`iscsi.username="${value}" ro\n`);
        expect(shell.run("cmdline_read; value_get cmdline iscsi.username").text).toBe(value);
      }),
      RUNS,
    );
  });

  test("a key that the shim does not know is not stored, whatever path it names", () => {
    shell.write("answer", "../../../evil=1\nfoo=2\niscsi.lun=3\n");
    const { text } = shell.run(
      `values_from_lines endpoint <'${shell.path("answer")}'; ls "$STATE/values/endpoint"`,
    );
    expect(text).toBe("iscsi.lun\n");
  });

  test("a detail's line ends and control bytes never reach a console", () => {
    const { said } = shell.run(`say login fail "$(printf 'a\\033[2Jb\\nc\\td')" fix`);
    expect(said).toBe("[pinetboot] stage=login state=fail a[2Jb c d - fix\n");
  });

  test("a report's text reaches the server byte for byte", () => {
    const words = '50 % of köln & more = "all"+?#';
    const { text } = shell.run(`url_encode '${words}'`);
    expect(decodeURIComponent(text)).toBe(words);
  });

  test("the oldest reports go when nobody takes them for hours", () => {
    const { text } = shell.run(
      'SERVER=x; i=0; while [ $i -lt 205 ]; do report root progress "n$i" ""; i=$((i+1)); done; ls "$STATE/reports"',
    );
    const names = text.trim().split("\n");
    expect(names).toHaveLength(200);
    expect(names.at(-1)).toBe("100205");
  });
});
