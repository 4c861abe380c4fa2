import { describe, expect, test } from "bun:test";
import { RamDevice } from "../../testing/ram-device.ts";
import { DirtyBudget } from "./dirty-budget.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

function budgeted(maxBytes = 64 * KIB, diskBytes = 64 * KIB) {
  const disk = new RamDevice(diskBytes);
  const budget = new DirtyBudget(maxBytes);
  return { disk, budget, device: budget.meter(disk) };
}

describe("the budget of dirty bytes", () => {
  test("has a flush due at three quarters, and is spent at its end", () => {
    const { budget, device } = budgeted();
    device.write(new Uint8Array(47 * KIB), 0);
    expect([budget.isFlushDue, budget.isSpent]).toEqual([false, false]);
    device.write(new Uint8Array(KIB), 47 * KIB);
    expect([budget.isFlushDue, budget.isSpent]).toEqual([true, false]);
    device.write(new Uint8Array(16 * KIB), 48 * KIB);
    expect(budget.isSpent).toBe(true);
  });

  test("counts a place that is written again and again once", async () => {
    const { budget, device } = budgeted(8 * MIB, 64 * MIB);
    for (let round = 0; round < 100; round++) device.write(new Uint8Array(MIB), 4 * MIB);
    expect(budget.isFlushDue).toBe(false);
    for (let at = 8; at < 13; at++) device.write(new Uint8Array(MIB), at * MIB);
    expect([budget.isFlushDue, budget.isSpent]).toEqual([true, false]);
    await device.flush();
    expect(budget.isFlushDue).toBe(false);
    for (let at = 4; at < 12; at++) device.write(new Uint8Array(MIB), at * MIB);
    expect(budget.isSpent).toBe(true);
  });

  test("counts small writes all over a large disk by their bytes", () => {
    const { budget, device } = budgeted(64 * KIB, 64 * MIB);
    for (let at = 0; at < 12; at++) device.write(new Uint8Array(4 * KIB), at * 5 * MIB);
    expect([budget.isFlushDue, budget.isSpent]).toEqual([true, false]);
  });

  test("is whole again after the initiator's own flush", async () => {
    const { budget, device } = budgeted();
    device.write(new Uint8Array(64 * KIB), 0);
    await device.flush();
    expect([budget.isFlushDue, budget.isSpent]).toEqual([false, false]);
  });

  test("gives relief when a flush of its own is done, and flushes once for all who wait", async () => {
    const { disk, budget, device } = budgeted();
    const release = disk.hold();
    device.write(new Uint8Array(64 * KIB), 0);
    const waiting = [budget.relief(), budget.relief(), budget.flush()];
    expect(budget.isFlushDue).toBe(false);
    release();
    await Promise.all(waiting);
    expect([disk.flushes, budget.isSpent]).toEqual([1, false]);
  });

  test("waits for a flush of the initiator's that has begun, without keeping the event loop busy", async () => {
    const { disk, budget, device } = budgeted();
    const release = disk.hold();
    device.write(new Uint8Array(64 * KIB), 0);
    const own = device.flush();
    const relief = budget.relief();
    await Bun.sleep(1);
    expect(budget.isSpent).toBe(true);
    release();
    await Promise.all([own, relief]);
    expect(disk.flushes).toBe(1);
  });

  test("keeps the failure of a flush that nobody asked for until the initiator asks", async () => {
    const { disk, budget, device } = budgeted();
    device.write(new Uint8Array(64 * KIB), 0);
    disk.failure = { on: "flush", code: "EIO" };
    await budget.relief();
    disk.failure = undefined;
    expect(device.flush()).rejects.toThrow("no flush");
    await device.flush();
  });

  test("leaves the device as it is otherwise", async () => {
    const { disk, device } = budgeted();
    disk.bytes.fill(7);
    const into = new Uint8Array(4);
    expect(device.tryRead(into, 0)).toBe(true);
    expect([...into]).toEqual([7, 7, 7, 7]);
    device.discard(0, 4 * KIB);
    await device.read(into, 0);
    expect([...into]).toEqual([0, 0, 0, 0]);
    expect([...(device.extents?.(0, 8 * KIB) ?? [])].map(({ kind }) => kind)).toEqual(["zero", "data"]);
    expect(budgeted().device).toMatchObject({ sizeBytes: disk.sizeBytes, readOnly: false });
  });
});
