import { expect, test } from "bun:test";
import { ASKS_AGAIN_MS, PiOrders } from "./orders.ts";

test("an order reaches the shim that asks, once", () => {
  const orders = new PiOrders(() => 0);
  orders.asks("8d3fa2c1");
  expect(orders.give("8d3fa2c1", "blink", true)).toMatchObject({
    hears: true,
    detail: expect.stringContaining("now"),
  });
  expect(orders.take("other")).toBeUndefined();
  expect(orders.take("8d3fa2c1")).toBe("blink");
  expect(orders.take("8d3fa2c1")).toBeUndefined();
});

test("a Pi that never asked, has gone on, or has not asked for long hears nothing, and that is said", () => {
  let now = 0;
  const orders = new PiOrders(() => now);
  expect(orders.give("8d3fa2c1", "reboot", false).hears).toBe(false);
  orders.asks("8d3fa2c1");
  orders.goesOn("8d3fa2c1");
  expect(orders.give("8d3fa2c1", "reboot", false)).toMatchObject({
    hears: false,
    detail: expect.stringContaining("its own system"),
    fix: expect.stringContaining("sudo reboot"),
  });
  orders.asks("8d3fa2c1");
  now = ASKS_AGAIN_MS;
  expect(orders.give("8d3fa2c1", "reboot", false).hears).toBe(false);
});

test("an order that was not fetched in time is none", () => {
  let now = 0;
  const orders = new PiOrders(() => now);
  orders.asks("8d3fa2c1");
  expect(orders.give("8d3fa2c1", "reboot", false).hears).toBe(true);
  now = ASKS_AGAIN_MS;
  expect(orders.take("8d3fa2c1")).toBeUndefined();
});

test("an order of before the Pi went on does not strike its next boot", () => {
  const orders = new PiOrders(() => 0);
  orders.asks("8d3fa2c1");
  orders.give("8d3fa2c1", "reboot", false);
  orders.goesOn("8d3fa2c1");
  expect(orders.take("8d3fa2c1")).toBeUndefined();
});
