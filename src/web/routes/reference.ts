/** `/api`: the reference for people, made of the same description that programs read at `/api/openapi.json`. */
import { z } from "@hono/zod-openapi";
import { Hono } from "hono";
import { html } from "hono/html";
import type { ApiEnv } from "../context.ts";

const SchemaRef = z.looseObject({ $ref: z.string().optional() });
const ContentSchema = z.record(z.string(), z.object({ schema: z.unknown().optional() }));
const OperationSchema = z.object({
  summary: z.string().default(""),
  parameters: z
    .array(
      z.object({
        name: z.string(),
        in: z.string(),
        required: z.boolean().default(false),
        description: z.string().optional(),
        schema: z.looseObject({ description: z.string().optional() }).optional(),
      }),
    )
    .default([]),
  requestBody: z.object({ content: ContentSchema }).optional(),
  responses: z.record(
    z.string(),
    z.object({ description: z.string().default(""), content: ContentSchema.optional() }),
  ),
});
const DocumentSchema = z.object({
  info: z.object({ title: z.string(), version: z.string(), description: z.string().default("") }),
  paths: z.record(z.string(), z.record(z.string(), OperationSchema)),
  components: z.object({ schemas: z.record(z.string(), z.unknown()) }),
});

type Operation = z.infer<typeof OperationSchema>;

const STYLE = `:root{color-scheme:light dark}
body{font:15px/1.5 system-ui,sans-serif;max-width:64rem;margin:0 auto;padding:1rem;
background:light-dark(#f6f7f8,#15181b);color:light-dark(#1b2126,#e8ebee)}
a{color:light-dark(#17694e,#57c79e)}
nav li{break-inside:avoid;padding-left:1.5rem;text-indent:-1.5rem}
h1{font-size:1.5rem}
h2{font-size:1.1rem}
section h2 code{font-size:1rem}
nav ul{columns:18rem;padding:0;list-style:none;font-size:.9rem}
section{border-top:1px solid color-mix(in srgb,currentColor 25%,transparent);padding:.5rem 0}
h3{margin:.5rem 0;font-size:1rem}
code,pre{font:.9rem/1.4 ui-monospace,monospace;overflow-wrap:anywhere}
pre{white-space:pre-wrap;padding:.75rem;border-radius:.4rem;background:color-mix(in srgb,currentColor 8%,transparent)}
td,th{padding:.1rem 1rem .1rem 0;text-align:left;vertical-align:top}
.method{font-weight:700;text-transform:uppercase}
summary{cursor:pointer}
`;

/** The page and its style; `describe` gives the description. It has no script, and asks nobody else. */
export function referenceRoutes(describe: () => unknown): Hono<ApiEnv> {
  const app = new Hono<ApiEnv>();
  app.get("/api/reference.css", (c) => c.body(STYLE, 200, { "content-type": "text/css; charset=utf-8" }));
  for (const path of ["/api", "/api/"])
    app.get(path, (c) => c.html(pageOf(DocumentSchema.parse(describe()))));
  return app;
}

function pageOf({ info, paths, components }: z.infer<typeof DocumentSchema>) {
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({
      id: `${method}-${path.replaceAll(/\W+/g, "-")}`,
      method,
      path,
      operation,
    })),
  );
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <title>${info.title} ${info.version}: the API</title>
        <link rel="icon" href="/page/icon.svg" type="image/svg+xml" />
        <link rel="stylesheet" href="/api/reference.css" />
      </head>
      <body>
        <header>
          <h1>The API of ${info.title} ${info.version}</h1>
          <p>${info.description}</p>
          <p>
            For programs: <a href="/api/openapi.json">/api/openapi.json</a> (OpenAPI 3.1). Errors are problem
            documents (RFC 9457) with a <code>code</code>, the words, and a <code>fix</code>. On loopback no
            key is needed and any that comes is ignored; where the page is open to the network, send
            <code>Authorization: Bearer KEY</code> with a key of <code>pinetboot key create NAME</code>.
          </p>
          <pre>
curl -X POST -H 'content-type: application/json' -d '{"image":"blank","size":"1G"}' http://127.0.0.1:8080/api/sessions</pre>
        </header>
        <main>
          <nav aria-label="Operations">
            <h2>Operations</h2>
            <ul>
              ${operations.map(
                ({ id, method, path }) =>
                  html`<li>
                    <a href="#${id}"><span class="method">${method}</span> ${path}</a>
                  </li>`,
              )}
            </ul>
          </nav>
          ${operations.map(
            ({ id, method, path, operation }) =>
              html`<section id="${id}">
                <h2>
                  <code><span class="method">${method}</span> ${path}</code>
                </h2>
                <p>${operation.summary}</p>
                ${parametersOf(operation)}${bodyOf(operation)}${answersOf(operation)}
              </section>`,
          )}
          <section id="schemas">
            <h2>Documents</h2>
            ${Object.entries(components.schemas).map(
              ([name, schema]) =>
                html`<details id="schema-${name}">
                  <summary><code>${name}</code></summary>
                  <pre>${JSON.stringify(schema, null, 2)}</pre>
                </details>`,
            )}
          </section>
        </main>
      </body>
    </html>`;
}

function parametersOf({ parameters }: Operation) {
  if (parameters.length === 0) return "";
  return html`<h3>Parameters</h3>
    <table>
      ${parameters.map(
        ({ name, in: place, required, description, schema }) =>
          html`<tr>
            <th scope="row"><code>${name}</code></th>
            <td>${place}${required ? "" : ", optional"}</td>
            <td>${description ?? schema?.description ?? ""}</td>
          </tr>`,
      )}
    </table>`;
}

function bodyOf({ requestBody }: Operation) {
  if (!requestBody) return "";
  return html`<h3>Takes</h3>
    <p>
      ${Object.entries(requestBody.content).map(([type, { schema }]) => html`<code>${type}</code> ${linkOf(schema)} `)}
    </p>`;
}

function answersOf({ responses }: Operation) {
  return html`<h3>Answers</h3>
    <table>
      ${Object.entries(responses).map(
        ([status, { description, content }]) =>
          html`<tr>
            <th scope="row">${status}</th>
            <td>${description}</td>
            <td>${Object.values(content ?? {}).map(({ schema }) => linkOf(schema))}</td>
          </tr>`,
      )}
    </table>`;
}

/** A link to the document's schema, or the schema itself where it has no name. */
function linkOf(schema: unknown) {
  const name = refName(schema);
  if (name !== undefined) return html`<a href="#schema-${name}">${name}</a>`;
  const items = z.looseObject({ items: z.unknown() }).safeParse(schema);
  const item = items.success ? refName(items.data.items) : undefined;
  if (item !== undefined) return html`list of <a href="#schema-${item}">${item}</a>`;
  return schema === undefined ? "" : html`<code>${JSON.stringify(schema)}</code>`;
}

function refName(schema: unknown): string | undefined {
  const parsed = SchemaRef.safeParse(schema);
  return parsed.success ? parsed.data.$ref?.split("/").at(-1) : undefined;
}
