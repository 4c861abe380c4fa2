import { afterEach, beforeEach, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { describeWith } from "../support/tools.ts";
import { type ShellResult, ShimShell } from "./shim-shell.ts";

describeWith(["busybox"], "what a person asks of a Pi that waits", () => {
  let shell: ShimShell;
  beforeEach(() => {
    shell = new ShimShell();
    shell.program("reboot", `echo rebooted "$@" >>'${shell.path("did")}'`);
    shell.program("sleep", `echo slept "$@" >>'${shell.path("did")}'`);
  });
  afterEach(() => shell.dispose());

  const led = (name: string): void =>
    shell.write(`sys/class/leds/${name}/trigger`, "none [mmc0] timer heartbeat\n");
  const follow = (order: string): ShellResult =>
    shell.run(`printf 'state=waiting\\n%s\\n' '${order}' | values_from_lines endpoint; orders_follow; wait`);
  const file = (name: string): string => readFileSync(shell.path(name), "utf8");

  test("the green LED blinks for a while, and then shows again what it showed before", () => {
    led("ACT");
    led("PWR");
    const { said, errors } = follow("do=blink");
    expect(errors).toBe("");
    expect(said).toContain("stage=parameters state=progress blinking the LED for 15 s");
    expect(file("did")).toContain("slept 15");
    expect(file("sys/class/leds/ACT/delay_on")).toBe("120");
    expect(file("sys/class/leds/ACT/trigger").trim()).toBe("mmc0");
    expect(file("sys/class/leds/PWR/trigger")).toBe("none [mmc0] timer heartbeat\n");
  });

  test("a second order meanwhile does not make the blinking what it showed before", () => {
    led("ACT");
    follow("do=blink");
    shell.write("sys/class/leds/ACT/trigger", "none mmc0 [timer] heartbeat\n");
    follow("do=blink");
    expect(file("sys/class/leds/ACT/trigger").trim()).toBe("mmc0");
  });

  test("a board without an LED says so", () => {
    expect(follow("do=blink").said).toContain("this board has no LED that can be told");
  });

  test("a restart is said before it is done", () => {
    expect(follow("do=reboot").said).toContain("restarting, as asked for on the server");
    expect(file("did")).toContain("rebooted -f");
  });

  test("no order, or one of another age, does nothing", () => {
    expect(follow("message=do").said).toBe("");
    expect(follow("do=dance").said).toBe("");
  });
});
