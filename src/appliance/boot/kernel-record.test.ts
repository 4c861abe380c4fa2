import { expect, test } from "bun:test";
import { kernelLine } from "./kernel-record.ts";

test("a record is shown as dmesg shows it", () => {
  expect(kernelLine("6,339,5140900,-;NET: Registered PF_INET6 protocol family")).toBe(
    "[    5.140900] NET: Registered PF_INET6 protocol family",
  );
  expect(kernelLine("12,1,0,-,caller=T1;a; b")).toBe("[    0.000000] a; b");
});

test("what belongs to a record is not shown, and a line of another program as it is", () => {
  expect(kernelLine(" SUBSYSTEM=pci")).toBeUndefined();
  expect(kernelLine("hello, world; ok")).toBe("hello, world; ok");
});
