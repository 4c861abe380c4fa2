/**
 * The API against its own description: requests that its schemas allow and such that they do not. Whatever comes, each
 * answer must be one that the operation declares, with a document of the declared schema, and never a failure of ours.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import fc from "fast-check";
import { z } from "zod";
import { temporaryFolder, TestServer } from "../support/pinetboot.ts";

/** Per operation: enough to reach each branch of its schema, in a moment each. */
const RUNS = process.env["PINETBOOT_LONG"] === undefined ? 60 : 1000;
const TEST_MS = 120_000;
const METHODS = ["get", "put", "post", "delete", "patch"] as const;
/** What says that the server lacks something, rather than that it failed. */
const LACKS = new Set([503, 504, 507]);

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

interface Schema {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly Json[];
  readonly const?: Json;
  readonly anyOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly items?: Schema;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly exclusiveMinimum?: number;
  readonly maximum?: number;
  readonly additionalProperties?: boolean | Schema;
}

interface Operation {
  readonly name: string;
  readonly method: string;
  readonly path: string;
  readonly parameters: readonly { readonly name: string; readonly in: string; readonly schema: Schema }[];
  readonly body: Schema | undefined;
  readonly example: Json | undefined;
  readonly responses: Readonly<Record<string, Answer>>;
}

interface Answer {
  readonly $ref?: string;
  readonly content?: Readonly<Record<string, { readonly schema?: Schema }>>;
}

const DocumentSchema = z.object({
  components: z.object({
    schemas: z.record(z.string(), z.unknown()),
    responses: z.record(z.string(), z.unknown()),
  }),
  paths: z.record(z.string(), z.record(z.string(), z.unknown())),
});
const OperationSchema = z.object({
  parameters: z.array(z.object({ name: z.string(), in: z.string(), schema: z.unknown() })).optional(),
  requestBody: z
    .object({
      content: z.record(z.string(), z.object({ schema: z.unknown(), example: z.unknown().optional() })),
    })
    .optional(),
  responses: z.record(
    z.string(),
    z.object({
      $ref: z.string().optional(),
      content: z.record(z.string(), z.object({ schema: z.unknown().optional() })).optional(),
    }),
  ),
});

const folder = temporaryFolder("api-properties");
let server: TestServer;
let schemas: Readonly<Record<string, Schema>>;
let answers: Readonly<Record<string, Answer>>;
let operations: readonly Operation[];
/** Names that there are, so that a request meets something. */
let things: string[];

beforeAll(async () => {
  server = await TestServer.start({ data: join(folder.path, "data") });
  const image = join(folder.path, "one.img");
  await Bun.write(image, new Uint8Array(2 ** 20).fill(1));
  const { id: imageId } = await server.json(
    z.looseObject({ id: z.string() }),
    "image",
    "import",
    image,
    "--name",
    "one",
  );
  const { id } = await server.createSession({ image: "one" });
  await server.json(z.unknown(), "pi", "set", "8d3fa2c1", "--name", "left", "--group", "lab");
  things = ["blank", "one", imageId, id, "8d3fa2c1", "left", "dc:a6:32:01:36:c2", "1"];
  const text = await (await fetch(`${server.ready.http}/api/openapi.json`)).json();
  const document = DocumentSchema.parse(text);
  // What a test reads of a schema it reads with care: each field may be absent.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  schemas = document.components.schemas as Record<string, Schema>;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  answers = document.components.responses as Record<string, Answer>;
  operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, described]) => {
      const { parameters, requestBody, responses } = OperationSchema.parse(described);
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion
      return {
        name: `${method} ${path}`,
        method,
        path,
        parameters: parameters ?? [],
        body: requestBody?.content["application/json"]?.schema,
        example: requestBody?.content["application/json"]?.example,
        responses,
      } as Operation;
    }),
  );
}, TEST_MS);
afterAll(async () => {
  await server.stop("SIGKILL");
  folder.dispose();
});

/** The schema itself: references followed, and what extends another put together with it. */
function resolved(given: Schema): Schema {
  const schema = given.$ref === undefined ? given : (schemas[given.$ref.split("/").at(-1) ?? ""] ?? {});
  if (!schema.allOf) return schema;
  const parts = schema.allOf.map(resolved);
  return {
    type: "object",
    properties: Object.assign({}, ...parts.map((part) => part.properties), schema.properties),
    required: [...parts.flatMap((part) => part.required ?? []), ...(schema.required ?? [])],
  };
}

function anything(): fc.Arbitrary<Json> {
  const { tree } = fc.letrec<{ tree: Json }>((tie) => ({
    tree: fc.oneof(
      { maxDepth: 2, depthSize: "small" },
      fc.constantFrom<Json>(null, true, false),
      fc.integer(),
      fc.string({ maxLength: 20 }),
      fc.array(tie("tree"), { maxLength: 3 }),
      fc.dictionary(fc.string({ maxLength: 10 }), tie("tree"), { maxKeys: 3 }),
    ),
  }));
  return tree;
}

/** Values that the schema allows, of small size; words are often the name of something that is there. */
function allowed(given: Schema): fc.Arbitrary<Json> {
  const schema = resolved(given);
  if (schema.const !== undefined) return fc.constant(schema.const);
  if (schema.enum) return fc.constantFrom(...schema.enum);
  if (schema.anyOf) return fc.oneof(...schema.anyOf.map(allowed));
  const types = schema.type === undefined ? [] : [schema.type].flat();
  if (types.length > 1) return fc.oneof(...types.map((type) => allowed({ ...schema, type })));
  switch (types[0]) {
    case "string":
      return fc.oneof(
        fc.constantFrom(...things, "1M", "8M").filter((word) => word.length >= (schema.minLength ?? 0)),
        fc.string({ minLength: schema.minLength ?? 0, maxLength: Math.min(schema.maxLength ?? 40, 40) }),
      );
    case "integer":
    case "number":
      return fc.integer({
        min: Math.max(schema.minimum ?? -1000, (schema.exclusiveMinimum ?? -1001) + 1),
        // What has no limit of its own is tried far beyond what any clock or disk holds.
        max: schema.maximum ?? Number.MAX_SAFE_INTEGER,
      });
    case "boolean":
      return fc.boolean();
    case "null":
      return fc.constant(null);
    case "array":
      return fc.array(allowed(schema.items ?? {}), {
        minLength: schema.minItems ?? 0,
        maxLength: Math.min(schema.maxItems ?? 3, 3),
      });
    case "object": {
      const required = schema.required ?? [];
      const fields = Object.entries(schema.properties ?? {}).map(
        ([name, field]) => [name, allowed(field)] as const,
      );
      return fc.record(Object.fromEntries(fields), {
        requiredKeys: required.filter((name) => fields.some(([key]) => key === name)),
      });
    }
    default:
      return anything();
  }
}

/** Something of another kind in the place of some part. */
function wrong(given: Schema): fc.Arbitrary<Json> {
  const other: fc.Arbitrary<Json> = fc.oneof(
    fc.constantFrom<Json>(
      null,
      -1,
      1.5,
      2 ** 53,
      "",
      "\u0000",
      "../../etc/passwd",
      "x".repeat(5000),
      [],
      {},
      true,
    ),
    anything(),
  );
  const schema = resolved(given);
  const names = Object.keys(schema.properties ?? {});
  if (names.length === 0) return other;
  return fc.oneof(
    other,
    fc
      .tuple(allowed(schema), fc.constantFrom(...names, "surplus"), other)
      .map(([whole, name, part]) => Object.assign({}, isObject(whole) ? whole : {}, { [name]: part })),
  );
}

function isObject(value: Json): value is { [key: string]: Json } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** What a document has against a schema, in words; nothing when it fits. */
function misfits(value: Json, given: Schema, at = ""): string[] {
  const schema = resolved(given);
  if (schema.enum && !schema.enum.includes(value)) return [`${at} is ${JSON.stringify(value)}`];
  if (schema.const !== undefined && schema.const !== value)
    return [`${at} is not ${JSON.stringify(schema.const)}`];
  if (schema.anyOf) {
    const tries = schema.anyOf.map((each) => misfits(value, each, at));
    return tries.some((each) => each.length === 0) ? [] : (tries[0] ?? []);
  }
  const types = schema.type === undefined ? [] : [schema.type].flat();
  if (types.length > 0 && !types.some((type) => isOf(value, type)))
    return [`${at} is no ${types.join(" or ")}: ${JSON.stringify(value)}`];
  if (Array.isArray(value))
    return value.flatMap((item, index) => misfits(item, schema.items ?? {}, `${at}[${index}]`));
  if (!isObject(value)) return [];
  const missing = (schema.required ?? [])
    .filter((name) => !(name in value))
    .map((name) => `${at}.${name} is missing`);
  // A field that the description does not tell of is one that a client cannot know.
  const surplus = schema.properties
    ? Object.keys(value).filter((name) => !(name in (schema.properties ?? {})))
    : [];
  return [
    ...missing,
    ...surplus.map((name) => `${at}.${name} is not described`),
    ...Object.entries(schema.properties ?? {}).flatMap(([name, field]) =>
      name in value ? misfits(value[name] ?? null, field, `${at}.${name}`) : [],
    ),
  ];
}

function isOf(value: Json, type: string): boolean {
  if (type === "null") return value === null;
  if (type === "array") return Array.isArray(value);
  if (type === "object") return isObject(value);
  if (type === "integer") return Number.isInteger(value);
  return typeof value === type;
}

interface Sent {
  readonly url: string;
  readonly body: Json | undefined;
  readonly headers: Record<string, string>;
}

/** Whether values are of the schema or something else in its place. */
type Kind = "allows" | "does not allow";

/** Requests of an operation. What goes into a path is a word either way. */
function requests(operation: Operation, kind: Kind): fc.Arbitrary<Sent> {
  const valueOf = (schema: Schema): fc.Arbitrary<Json> =>
    kind === "allows" ? allowed(schema) : fc.oneof(allowed(schema), wrong(schema));
  const parameters = fc.record(
    Object.fromEntries(
      operation.parameters.map(({ name, in: place, schema }) => [
        `${place} ${name}`,
        place === "path"
          ? fc.oneof(fc.constantFrom(...things), fc.string({ minLength: 1, maxLength: 30 }))
          : fc.option(valueOf(schema), { nil: undefined }),
      ]),
    ),
  );
  const document = operation.body ? valueOf(operation.body) : fc.constant(undefined);
  return fc.tuple(parameters, document).map(([values, json]) => {
    const of = (place: string): [string, string][] =>
      Object.entries(values).flatMap(([key, value]) =>
        key.startsWith(`${place} `) && value !== undefined
          ? [[key.slice(place.length + 1), wordOf(value)]]
          : [],
      );
    const path = operation.path.replaceAll(/\{(\w+)\}/g, (_, name: string) =>
      pathPart(of("path").find(([key]) => key === name)?.[1] ?? "x"),
    );
    const headers = of("header").filter(([, value]) => /^[\x21-\x7e]+$/.test(value));
    return {
      url: `${path}?${new URLSearchParams(of("query"))}`,
      body: json,
      headers: Object.fromEntries(headers),
    };
  });
}

/** One part of a path. A URL takes "." and ".." out, however they are written: that is a request for another path. */
function pathPart(value: string): string {
  return /^\.{1,2}$/.test(value) ? "x" : encodeURIComponent(value);
}

function wordOf(value: Json): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** A body as it goes over the wire: a document, or what is none. */
interface Raw {
  readonly text: string | undefined;
  readonly type: string | undefined;
}

const rawOf = (body: Json | undefined): Raw =>
  body === undefined
    ? { text: undefined, type: undefined }
    : { text: JSON.stringify(body), type: "application/json" };

async function expectDeclared(
  operation: Operation,
  { url, body, headers }: Sent,
  raw = rawOf(body),
): Promise<number> {
  const response = await fetch(`${server.ready.http}${url}`, {
    method: operation.method.toUpperCase(),
    headers: { ...headers, ...(raw.type !== undefined && { "content-type": raw.type }) },
    ...(raw.text !== undefined && { body: raw.text }),
  });
  const { status } = response;
  const type = response.headers.get("content-type")?.split(";")[0] ?? "";
  const text = type === "text/event-stream" ? await firstChunk(response) : await response.text();
  const where = `${operation.name} ${url} ${raw.text} -> ${status} ${text.slice(0, 300)}`;
  const answer = operation.responses[String(status)];
  const declared = answer?.$ref === undefined ? answer : answers[answer.$ref.split("/").at(-1) ?? ""];
  if (!declared) throw new Error(`not declared: ${where}`);
  if (status >= 500 && !LACKS.has(status)) throw new Error(where);
  if (text !== "" && !declared.content?.[type]) throw new Error(`of an undeclared type ${type}: ${where}`);
  if (status >= 400 && type !== "application/problem+json") throw new Error(`no problem document: ${where}`);
  if (!type.endsWith("json")) return status;
  const misfit = misfits(JSON.parse(text), declared.content?.[type]?.schema ?? {});
  if (misfit.length > 0) throw new Error(`${misfit.join("; ")}: ${where}`);
  return status;
}

/** Of a stream that never ends. */
async function firstChunk(response: Response): Promise<string> {
  for await (const chunk of response.body ?? []) return new TextDecoder().decode(chunk);
  return "";
}

test.each(["allows", "does not allow"] as const)(
  "whatever the description %s, each answer is one that it declares, and what it does not allow is refused",
  async (kind) => {
    expect(operations.length).toBeGreaterThan(50);
    for (const operation of operations)
      await fc.assert(
        fc.asyncProperty(requests(operation, kind), async (sent) => {
          const status = await expectDeclared(operation, sent);
          if (sent.body === undefined || !operation.body || status >= 400) return;
          // A field that nobody described is nobody's harm.
          const misfit = misfits(sent.body, operation.body).filter(
            (word) => !word.endsWith("is not described"),
          );
          if (misfit.length > 0) throw new Error(`${misfit.join("; ")}: it was taken, with ${status}`);
        }),
        { numRuns: operation.body || operation.parameters.length > 0 ? RUNS : 1, endOnFailure: true },
      );
    expect((await fetch(`${server.ready.http}/api/health`)).status).toBe(200);
  },
  TEST_MS,
);

test("a body that is no document is refused by every operation that takes one", async () => {
  const none: readonly (readonly [Raw, number])[] = [
    [{ text: "{", type: "application/json" }, 400],
    [{ text: "", type: "application/json" }, 400],
    [{ text: "[]", type: "application/json" }, 400],
    [{ text: '"x"', type: "application/json" }, 400],
    [{ text: "null", type: "application/json" }, 400],
    [{ text: "{}", type: "text/plain" }, 415],
    [{ text: "a=b", type: "application/x-www-form-urlencoded" }, 415],
    [{ text: `{"x":"${"x".repeat(2 ** 20)}"}`, type: "application/json" }, 413],
  ];
  const takers = operations.filter(({ body }) => body !== undefined);
  expect(takers.length).toBeGreaterThan(15);
  for (const operation of takers)
    for (const [raw, status] of none) {
      const sent = { url: operation.path.replaceAll(/\{\w+\}/g, "8d3fa2c1"), body: undefined, headers: {} };
      expect(
        `${operation.name} ${raw.text?.slice(0, 20)} ${await expectDeclared(operation, sent, raw)}`,
      ).toBe(`${operation.name} ${raw.text?.slice(0, 20)} ${status}`);
    }
});

test("the example of every operation is one that the operation understands", async () => {
  for (const operation of operations) {
    const { example, body } = operation;
    expect(`${operation.name} ${example !== undefined}`).toBe(`${operation.name} ${body !== undefined}`);
    if (example === undefined || !body) continue;
    expect(misfits(example, body)).toEqual([]);
    const response = await fetch(`${server.ready.http}${operation.path.replaceAll(/\{\w+\}/g, "8d3fa2c1")}`, {
      method: operation.method.toUpperCase(),
      headers: { "content-type": "application/json" },
      body: JSON.stringify(example),
    });
    const answer = await response.text();
    expect(`${operation.name} ${answer}`).not.toContain("The request is not understood");
  }
});

test("what is described for no address is refused there, with what it takes instead", async () => {
  const paths = Map.groupBy(operations, ({ path }) => path);
  for (const [path, here] of paths)
    for (const method of METHODS.filter((each) => !here.some((operation) => operation.method === each))) {
      const url = `${server.ready.http}${path.replaceAll(/\{\w+\}/g, "8d3fa2c1")}`;
      const response = await fetch(url, { method: method.toUpperCase() });
      const allow = response.headers.get("allow")?.split(", ") ?? [];
      // Another address may have the same form: /api/images/upload is one of /api/images/{id}.
      if (response.status !== 405) expect(`${method} ${path}`).toMatch(/\/(?:upload|link|actions)$/);
      else
        expect(allow).toEqual(
          expect.arrayContaining(here.map((operation) => operation.method.toUpperCase())),
        );
      const problem = await response.text();
      if (response.status >= 400)
        expect(misfits(JSON.parse(problem), { $ref: "#/components/schemas/Problem" })).toEqual([]);
    }
});
