import { describe, expect, test } from "bun:test";
import { INITIAL_RETRANSMIT_MS, MAX_RETRANSMIT_MS, MIN_RETRANSMIT_MS } from "../limits.ts";
import { RoundTrip } from "./round-trip.ts";

describe("the retransmission time", () => {
  test("begins below the second after which Pi firmware takes a file for missing", () => {
    expect(new RoundTrip().timeoutMs).toBe(INITIAL_RETRANSMIT_MS);
    expect(INITIAL_RETRANSMIT_MS).toBeLessThan(500);
  });

  test("falls to its least on a LAN", () => {
    const time = new RoundTrip();
    time.answered(0.3);
    expect(time.timeoutMs).toBe(MIN_RETRANSMIT_MS);
  });

  test("follows a slow network as RFC 6298 has it", () => {
    const time = new RoundTrip();
    time.answered(100);
    expect(time.timeoutMs).toBe(300);
    for (let i = 0; i < 50; i++) time.answered(100);
    expect(time.timeoutMs).toBeCloseTo(100, 0);
  });

  test("doubles each time it runs out, up to its most, and an answer ends that", () => {
    const time = new RoundTrip();
    time.answered(30);
    expect(time.timeoutMs).toBe(90);
    time.backOff();
    expect(time.timeoutMs).toBe(180);
    for (let i = 0; i < 40; i++) time.backOff();
    expect(time.timeoutMs).toBe(MAX_RETRANSMIT_MS);
    time.answeredRepeated(5000, 30);
    expect(time.timeoutMs).toBe(90);
  });

  test("an answer to either of two copies is no sample", () => {
    const time = new RoundTrip();
    time.answered(30);
    time.answeredRepeated(500, 31);
    expect(time.measuredMs).toBe(90);
  });

  test("an answer that comes too soon for the second copy is a sample of the first", () => {
    const time = new RoundTrip();
    time.answered(30);
    time.answeredRepeated(100, 5);
    expect(time.measuredMs).toBeGreaterThan(100);
  });
});
