import { expect, test } from "bun:test";
import fc from "fast-check";
import { apiClient } from "./client.ts";

/** A client that sends nothing, and the addresses that it would have asked. */
function listening(): { client: ReturnType<typeof apiClient>; asked: string[] } {
  const asked: string[] = [];
  const client = apiClient("http://localhost", (url) => {
    asked.push(url);
    return Promise.resolve(new Response("{}"));
  });
  return { client, asked };
}

test("whatever a name holds, it is one part of the path, and the same name again at the other end", async () => {
  const name = fc.string({ minLength: 1, unit: "binary" }).filter((word) => !/^\.{0,2}$/.test(word));
  await fc.assert(
    fc.asyncProperty(name, async (id) => {
      const { client, asked } = listening();
      await client.sessions[":id"].reset.$post({ param: { id } });
      const parts = new URL(asked[0] ?? "").pathname.split("/");
      expect(parts.slice(0, 3)).toEqual(["", "api", "sessions"]);
      expect(parts.slice(4)).toEqual(["reset"]);
      expect(decodeURIComponent(parts[3] ?? "")).toBe(id);
    }),
  );
});

test("a name that would be another path is refused before anything is sent", () => {
  const { client, asked } = listening();
  for (const id of ["", ".", ".."])
    expect(() => client.sessions[":id"].$delete({ param: { id }, query: {} })).toThrow(`"${id}" is no name`);
  expect(asked).toEqual([]);
});
