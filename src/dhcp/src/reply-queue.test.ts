import { afterEach, beforeEach, describe, expect, jest, test } from "bun:test";
import { MAX_REPLY_DELAY_MS, ReplyQueue } from "./reply-queue.ts";

describe("replies that wait", () => {
  beforeEach(() => void jest.useFakeTimers());
  afterEach(() => void jest.useRealTimers());

  test("without a delay a reply leaves at once", () => {
    const sent: string[] = [];
    expect(new ReplyQueue().add("a", 0, () => sent.push("a"))).toBe(true);
    expect(sent).toEqual(["a"]);
  });

  test("a delayed reply leaves after its delay, and a client has one on the way", () => {
    const sent: string[] = [];
    const queue = new ReplyQueue();
    expect(queue.add("a", 1500, () => sent.push("first"))).toBe(true);
    expect(queue.add("a", 1500, () => sent.push("second"))).toBe(false);
    jest.advanceTimersByTime(1499);
    expect(sent).toEqual([]);
    jest.advanceTimersByTime(1);
    expect(sent).toEqual(["first"]);
    expect(queue.add("a", 0, () => sent.push("third"))).toBe(true);
  });

  test("no delay is longer than the limit", () => {
    const sent: string[] = [];
    new ReplyQueue().add("a", Number.POSITIVE_INFINITY, () => sent.push("a"));
    jest.advanceTimersByTime(MAX_REPLY_DELAY_MS);
    expect(sent).toEqual(["a"]);
  });

  test("a flood is cut off at the limit, and nothing leaves after clear", () => {
    let sent = 0;
    const queue = new ReplyQueue();
    const taken = Array.from({ length: 2000 }, (_, index) => queue.add(`${index}`, 1000, () => (sent += 1)));
    expect(taken.filter(Boolean)).toHaveLength(1024);
    queue.clear();
    jest.advanceTimersByTime(MAX_REPLY_DELAY_MS);
    expect(sent).toBe(0);
  });
});
