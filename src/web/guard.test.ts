import { Database } from "bun:sqlite";
import { expect, test } from "bun:test";
import { Keys, RateLimit } from "../appliance/index.ts";
import { MIGRATIONS } from "../appliance/state/schema.ts";
import { newRouter } from "./context.ts";
import { guard } from "./guard.ts";

/** A listener on the network that gives each key a burst of three requests, then one a second. */
function listener() {
  let now = 0;
  const sqlite = new Database(":memory:");
  for (const migration of MIGRATIONS) sqlite.run(migration);
  const keys = new Keys(sqlite);
  const app = newRouter();
  app.use(guard({ keys, requests: new RateLimit(3, 1, () => now) }));
  app.get("/", (c) => c.text("in"));
  const ask = async (address: string, key?: string): Promise<Response> =>
    app.fetch(
      new Request(
        "http://localhost/",
        key === undefined ? {} : { headers: { authorization: `Bearer ${key}` } },
      ),
      { via: "tcp", address },
    );
  const statuses = async (count: number, address: string, key?: string): Promise<number[]> =>
    Array.fromAsync({ length: count }, async () => (await ask(address, key)).status);
  return { ask, statuses, newKey: () => keys.create("rig").key, wait: (ms: number) => (now += ms) };
}

test("a key that asks too much waits, from whatever address, while other keys are answered", async () => {
  const { ask, statuses, newKey, wait } = listener();
  const [one, other] = [newKey(), newKey()];
  expect(await statuses(2, "10.0.0.5", one)).toEqual([200, 200]);
  expect(await statuses(2, "10.0.0.6", one)).toEqual([200, 429]);
  expect(await statuses(2, "10.0.0.5", other)).toEqual([200, 200]);
  const refused = await ask("10.0.0.6", one);
  expect(refused.headers.get("retry-after")).toBe("1");
  expect(refused.headers.get("content-type")).toBe("application/problem+json");
  expect(await refused.json()).toMatchObject({
    status: 429,
    code: "too-many-requests",
    fix: "Try again in 1 s.",
  });
  wait(1000);
  expect(await statuses(2, "10.0.0.6", one)).toEqual([200, 429]);
});

test("who has no key is told so a few times, then to wait", async () => {
  const { statuses } = listener();
  expect(await statuses(5, "10.0.0.5")).toEqual([401, 401, 401, 429, 429]);
  expect(await statuses(1, "10.0.0.6")).toEqual([401]);
});

test("programs of this very computer may ask as often as they like", async () => {
  const { statuses, newKey } = listener();
  const key = newKey();
  for (const address of ["127.0.0.1", "::1", "::ffff:127.0.0.1"])
    expect(await statuses(9, address, key)).toEqual(Array.from({ length: 9 }, () => 200));
});
