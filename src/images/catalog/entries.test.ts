/** Catalogs: lists within lists, what is left out, and what is too much. */
import { expect, test } from "bun:test";
import builtIn from "../../../images/catalog.json";
import { ImageError } from "../image-error.ts";
import { type CatalogEntry, ENTRIES_MAX, type FetchedList, LISTS_MAX, readCatalog } from "./entries.ts";
import { findEntry, loadCatalog } from "./load.ts";
import { EntrySchema } from "./schema.ts";

const BASE = new URL("https://example.org/repo/list.json");
const SUM = "ab".repeat(32);

function os(name: string, change: object = {}): object {
  return {
    name,
    description: "",
    icon: "",
    url: `https://example.org/${encodeURIComponent(name)}.img.xz`,
    ...change,
  };
}

async function read(
  list: readonly unknown[],
  lists: Record<string, unknown> = {},
): Promise<{ readonly entries: readonly CatalogEntry[]; readonly troubles: readonly string[] }> {
  const troubles: string[] = [];
  const readList = async (url: URL): Promise<FetchedList> => {
    if (!(url.href in lists)) throw new ImageError("fetch-failed", `no ${url.href}`);
    return { document: { os_list: lists[url.href] }, url };
  };
  const entries = await readCatalog({ os_list: list }, BASE, readList, (words) => troubles.push(words));
  return { entries, troubles };
}

test("what a list says of an image is read, and what it does not say is not invented", async () => {
  const { entries } = await read([
    os("Raspberry Pi OS Lite (64-bit)", {
      extract_size: 100,
      extract_sha256: SUM.toUpperCase(),
      image_download_size: 10,
      release_date: "2026-01-01",
      init_format: "cloudinit-rpi",
      devices: ["pi4-64bit"],
      random: true,
    }),
    os("Odd", { extract_size: "100", devices: null, release_date: 20260101, description: 5 }),
    os("Bare", { extract_sha256: "", extract_size: 0, image_download_sha256: "not a sum" }),
  ]);
  expect(entries).toMatchObject([
    {
      name: "raspberry-pi-os-lite-64-bit",
      imageBytes: 100,
      downloadBytes: 10,
      imageSha256: SUM,
      sourceSha256: null,
      releaseDate: "2026-01-01",
      initFormat: "cloudinit-rpi",
      devices: ["pi4-64bit"],
      everFetched: null,
    },
    { name: "odd", imageBytes: null, devices: [], releaseDate: null, description: "" },
    { name: "bare", imageSha256: null, sourceSha256: null, imageBytes: null, devices: [] },
  ]);
});

test("lists within lists are read, in the file and linked from it, by whole and by relative addresses", async () => {
  const { entries, troubles } = await read(
    [
      { name: "Outer", subitems: [{ name: "Inner", subitems: [os("Deep")] }, os("Middle")] },
      { name: "Linked", subitems_url: "more/list.json" },
      { name: "Again", subitems_url: "https://example.org/repo/more/list.json" },
    ],
    { "https://example.org/repo/more/list.json": [os("Far", { url: "far.img" })] },
  );
  expect(entries.map(({ name, group }) => [name, ...group])).toEqual([
    ["deep", "Outer", "Inner"],
    ["middle", "Outer"],
    ["far", "Linked"],
  ]);
  expect(entries[2]?.url).toBe("https://example.org/repo/more/far.img");
  expect(troubles).toEqual([]);
});

test("a linked list that cannot be had, or that nothing protects, is left out with a word", async () => {
  const { entries, troubles } = await read(
    [
      { name: "Gone", subitems_url: "gone.json" },
      { name: "Plain", subitems_url: "http://example.org/plain.json" },
      { name: "Local", subitems_url: "file:///etc/passwd" },
      os("There"),
    ],
    { "http://example.org/plain.json": [os("Unprotected")] },
  );
  expect(entries.map(({ name }) => name)).toEqual(["there"]);
  expect(troubles).toHaveLength(3);
});

test("a linked list that is no list is left out with a word, and a list that links to itself is read once", async () => {
  const { entries, troubles } = await read(
    [
      { name: "Broken", subitems_url: "broken.json" },
      { name: "Self", subitems_url: "list.json" },
      os("There"),
    ],
    { "https://example.org/repo/broken.json": "text", [BASE.href]: [os("Twice")] },
  );
  expect(entries.map(({ name }) => name)).toEqual(["there"]);
  expect(troubles).toEqual([
    'the list "Broken" is left out: example.org sends no list of Raspberry Pi Imager',
  ]);
});

test("what a list behind redirects calls by relative addresses is looked for where the list is", async () => {
  const lists: Record<string, object> = {
    "/real/list.json": {
      os_list: [os("Near", { url: "near.img" }), { name: "More", subitems_url: "more" }],
    },
    "/else/more.json": { os_list: [os("Far", { url: "far.img" })] },
  };
  const moved: Record<string, string> = { "/start": "/real/list.json", "/real/more": "/else/more.json" };
  using server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: ({ url }) => {
      const { pathname } = new URL(url);
      const to = moved[pathname];
      if (to !== undefined) return Response.redirect(new URL(to, url).href);
      return pathname in lists ? Response.json(lists[pathname]) : new Response("", { status: 404 });
    },
  });
  const { entries, troubles } = await loadCatalog(new URL("/start", server.url).href);
  expect(troubles).toEqual([]);
  expect(entries.map(({ url }) => new URL(url).pathname)).toEqual(["/real/near.img", "/else/far.img"]);
});

test("names are told apart, and entries that are none are passed over", async () => {
  const { entries } = await read([
    os("Same"),
    os("Same"),
    os("!!!"),
    os("Script", { url: "javascript:alert(1)" }),
    { name: 7 },
    null,
    "text",
  ]);
  expect(entries.map(({ name }) => name)).toEqual(["same", "same-2", "image"]);
});

test("what links in a circle ends, and what is too much is refused", async () => {
  const circle = await read([{ name: "Round", subitems_url: "https://example.org/a" }], {
    "https://example.org/a": [{ name: "And", subitems_url: "/b" }, os("One")],
    "https://example.org/b": [{ name: "Round", subitems_url: "/a" }],
  });
  expect(circle.entries.map(({ name }) => name)).toEqual(["one"]);

  let nested: object = os("Bottom");
  for (let depth = 0; depth < 20; depth += 1) nested = { name: `Level ${depth}`, subitems: [nested] };
  const many = Array.from({ length: ENTRIES_MAX + 1 }, (_, index) => os(`Image ${index}`));
  const lists = Object.fromEntries(
    Array.from({ length: LISTS_MAX + 2 }, (_, index) => [
      `https://example.org/${index}`,
      [{ name: "Next", subitems_url: `/${index + 1}` }],
    ]),
  );
  const wide = Array.from({ length: LISTS_MAX + 1 }, (_, index) => ({
    name: "Wide",
    subitems_url: `/w${index}`,
  }));
  for (const [list, found] of [
    [[nested], {}],
    [many, {}],
    [[{ name: "First", subitems_url: "/0" }], lists],
    [wide, Object.fromEntries(wide.map((_, index) => [`https://example.org/w${index}`, []]))],
  ] as const) {
    const failure = await read(list, found).catch((error: unknown) => error);
    expect(failure).toMatchObject({ name: "ImageError", code: "bad-archive" });
  }
});

test("a document that is no list is refused", async () => {
  for (const document of [null, [], {}, { os_list: {} }, "text"]) {
    const failure = await readCatalog(
      document,
      BASE,
      (url) => Promise.resolve({ document: {}, url }),
      () => undefined,
    ).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: "bad-archive" });
  }
});

test("the built-in catalog has what Imager wants of every entry, and says that nobody fetched it", async () => {
  const { entries, troubles } = await loadCatalog(undefined);
  expect(troubles).toEqual([]);
  const names = entries.map(({ name }) => name);
  expect(names).toEqual(
    expect.arrayContaining([
      "raspios-lite",
      "raspios-full",
      "ubuntu-server",
      "debian-raspi4",
      "alpine",
      "memtest86plus",
      "blank",
    ]),
  );
  expect(new Set(names).size).toBe(names.length);
  for (const entry of entries.filter(({ builtIn }) => !builtIn)) {
    expect(entry.everFetched, entry.name).toBe(false);
    expect(entry.url, entry.name).toStartWith("https://");
  }
  const wanted = [
    "name",
    "description",
    "icon",
    "url",
    "extract_size",
    "extract_sha256",
    "image_download_size",
    "release_date",
    "devices",
  ];
  const seen: unknown[] = [...builtIn.os_list];
  for (const item of seen) {
    const entry = EntrySchema.parse(item);
    if (entry.subitems) seen.push(...entry.subitems);
    else expect(Object.keys(entry)).toEqual(expect.arrayContaining(wanted.filter((key) => key !== "icon")));
  }
  expect(findEntry(await loadCatalog(undefined), "raspberry pi os lite (64-bit)").name).toBe("raspios-lite");
});
