/** Completion in a real bash: what it would offer for a line that is being typed. */
import { expect, test } from "bun:test";
import { runProgram, SOURCE } from "../support/pinetboot.ts";
import { describeWith } from "../support/tools.ts";

/** What bash offers behind `pinetboot` and these words. */
async function offered(...words: string[]): Promise<string[]> {
  const program = SOURCE.map((word) => `'${word}'`).join(" ");
  const line = ["pinetboot", ...words].map((word) => `'${word}'`).join(" ");
  const script = `
    pinetboot() { ${program} "$@"; }
    source <(pinetboot completion bash)
    COMP_WORDS=(${line}); COMP_CWORD=${words.length}
    _pinetboot; printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr } = await runProgram(["bash", "-c", script]);
  expect(stderr).toBe("");
  return stdout.split("\n").filter((word) => word !== "");
}

describeWith(["bash"], "completion in bash", () => {
  test("offers the commands, those of a group, and the flags of one", async () => {
    expect(await offered("se")).toEqual(["serve", "session"]);
    expect(await offered("session", "cr")).toEqual(["create"]);
    expect(await offered("session", "create", "--eph")).toEqual(["--ephemeral"]);
    expect(await offered("pi", "wait", "--until", "hand")).toEqual(["handover"]);
  });

  test("offers nothing where nothing fits", async () => {
    expect(await offered("nonsense", "x")).toEqual([]);
  });
});
