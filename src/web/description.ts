/** The description of the API, as programs read it: what the routes declare, what any of them may answer, and examples. */
import { type OpenAPIHono, z } from "@hono/zod-openapi";
import type { ApiEnv } from "./context.ts";
import { exampleAddress, exampleOf, type Schema, type Schemas } from "./examples.ts";

const SchemaSchema = z.custom<Schema>();
const ContentSchema = z.record(
  z.string(),
  z.looseObject({ schema: SchemaSchema.optional(), example: z.unknown().optional() }),
);
const OperationSchema = z.looseObject({
  summary: z.string().default(""),
  parameters: z
    .array(
      z.looseObject({
        name: z.string(),
        in: z.string(),
        required: z.boolean().default(false),
        description: z.string().optional(),
        schema: z.looseObject({ description: z.string().optional() }).optional(),
      }),
    )
    .default([]),
  requestBody: z.looseObject({ content: ContentSchema }).optional(),
  responses: z.record(
    z.string(),
    z.looseObject({
      $ref: z.string().optional(),
      description: z.string().default(""),
      content: ContentSchema.optional(),
    }),
  ),
});
const DescriptionSchema = z.looseObject({
  info: z.object({ title: z.string(), version: z.string(), description: z.string().default("") }),
  paths: z.record(z.string(), z.record(z.string(), OperationSchema)),
  components: z.looseObject({ schemas: z.record(z.string(), SchemaSchema) }),
});

export type Description = z.infer<typeof DescriptionSchema>;
export type Operation = z.infer<typeof OperationSchema>;

/** What is answered whatever is asked, or whatever is asked with such a request; before an operation has seen it. */
export const COMMON_ANSWERS = [
  {
    status: "400",
    name: "NotUnderstood",
    when: "asks",
    words: "The request is not what the operation takes",
  },
  {
    status: "401",
    name: "KeyNeeded",
    when: "always",
    words: "The server is open to the network, and wants a key",
  },
  { status: "403", name: "OtherSite", when: "always", words: "A page of another site asked" },
  { status: "413", name: "TooLarge", when: "document", words: "A document of more than a mebibyte" },
  { status: "415", name: "NoJson", when: "document", words: "The body is not said to be application/json" },
  { status: "421", name: "WrongHost", when: "always", words: "The name in the address is not this server's" },
  {
    status: "429",
    name: "TooMany",
    when: "always",
    words: "Too much, or too many wrong keys: Retry-After says when",
  },
  { status: "500", name: "Failed", when: "always", words: "The server failed, which is its fault" },
] as const satisfies readonly {
  status: string;
  name: string;
  /** "asks": with parameters or a body; "document": with a body of JSON. */
  when: "always" | "asks" | "document";
  words: string;
}[];

/** The description of all that `app` has routes for. */
export function describeApi(app: OpenAPIHono<ApiEnv>, version: string): Description {
  const description = DescriptionSchema.parse(
    app.getOpenAPI31Document({
      openapi: "3.1.0",
      info: {
        title: "pinetboot",
        version,
        description: "Disks over iSCSI for Raspberry Pis and anything else, from this computer.",
      },
      // On loopback none is needed.
      security: [{}, { key: [] }],
    }),
  );
  const { components, paths } = description;
  for (const [path, operations] of Object.entries(paths))
    for (const operation of Object.values(operations)) complete(path, operation, components.schemas);
  return {
    ...description,
    components: {
      ...components,
      securitySchemes: { key: { type: "http", scheme: "bearer" } },
      responses: Object.fromEntries(
        COMMON_ANSWERS.map(({ name, words }) => [
          name,
          {
            description: words,
            content: { "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } } },
          },
        ]),
      ),
    },
  };
}

function complete(path: string, operation: Operation, schemas: Schemas): void {
  const { parameters, requestBody, responses } = operation;
  const hasDocument = requestBody?.content["application/json"] !== undefined;
  const asks = parameters.length > 0 || requestBody !== undefined;
  for (const { status, name, when } of COMMON_ANSWERS)
    if (when === "always" || (when === "asks" ? asks : hasDocument))
      responses[status] ??= { description: "", $ref: `#/components/responses/${name}` };
  const parts = exampleAddress(path).split("/");
  const names = path.split("/");
  for (const parameter of parameters.filter((one) => one.in === "path"))
    parameter["example"] = parts[names.indexOf(`{${parameter.name}}`)];
  const contents = [requestBody?.content, ...Object.values(responses).map(({ content }) => content)];
  for (const content of contents) {
    const document = content?.["application/json"];
    if (document?.schema) document.example ??= exampleOf(document.schema, schemas);
  }
}
