import { describe, expect, test } from "bun:test";
import { run } from "./run.ts";

describe("running a command", () => {
  test("gives its output, line by line on the way and whole at the end", async () => {
    const lines: string[] = [];
    const output = await run(["sh", "-c", "echo one; printf two"], { onLine: (line) => lines.push(line) });
    expect(output).toBe("one\ntwo");
    expect(lines).toEqual(["one", "two"]);
  });

  test("that fails says which one and with what words", async () => {
    const error: unknown = await run(["sh", "-c", "echo the cause >&2; exit 3"]).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toMatchObject({ code: "command-failed" });
    expect(String(error)).toContain("ended with 3:\nthe cause");
  });

  test("is ended by its signal", async () => {
    const abort = new AbortController();
    const running = run(["sh", "-c", "echo up; exec sleep 100"], {
      signal: abort.signal,
      onLine: () => abort.abort(),
    });
    expect(await running.catch((thrown: unknown) => thrown)).toMatchObject({ code: "cancelled" });
  });
});
