/** `/api`: the reference for people, made of the same description that programs read at `/api/openapi.json`. */
import { Hono } from "hono";
import { html } from "hono/html";
import type { ApiEnv } from "../context.ts";
import { COMMON_ANSWERS, type Description, type Operation } from "../description.ts";
import { exampleAddress, type Schema } from "../examples.ts";

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
export function referenceRoutes(describe: () => Description): Hono<ApiEnv> {
  const app = new Hono<ApiEnv>();
  app.get("/api/reference.css", (c) => c.body(STYLE, 200, { "content-type": "text/css; charset=utf-8" }));
  for (const path of ["/api", "/api/"]) app.get(path, (c) => c.html(pageOf(describe())));
  return app;
}

function pageOf({ info, paths, components }: Description) {
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
          ${commonAnswers()}
          ${operations.map(
            ({ id, method, path, operation }) =>
              html`<section id="${id}">
                <h2>
                  <code><span class="method">${method}</span> ${path}</code>
                </h2>
                <p>${operation.summary}</p>
                ${parametersOf(operation)}${bodyOf(operation)}${answersOf(operation)}
                ${exampleOf(method, path, operation)}
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

function commonAnswers() {
  return html`<section id="common">
    <h2>What any of them may answer besides</h2>
    <table>
      ${COMMON_ANSWERS.map(
        ({ status, words }) =>
          html`<tr>
            <th scope="row">${status}</th>
            <td>${words}</td>
          </tr>`,
      )}
    </table>
  </section>`;
}

/** What is typed at a terminal, and what comes back. */
function exampleOf(method: string, path: string, operation: Operation) {
  const answer = Object.values(operation.responses).find(({ content }) => content?.["application/json"]);
  const document = answer?.content?.["application/json"]?.example;
  return html`<h3>Example</h3>
    <pre tabindex="0">${curlOf(method, path, operation)}</pre>
    ${
      document === undefined
        ? ""
        : html`<details>
            <summary>Its answer</summary>
            <pre tabindex="0">${JSON.stringify(document, null, 2)}</pre>
          </details>`
    }`;
}

const SERVER = "http://127.0.0.1:8080";

function curlOf(method: string, path: string, { requestBody, responses }: Operation): string {
  const content = requestBody?.content ?? {};
  const answers = new Set(Object.values(responses).flatMap(({ content: of }) => Object.keys(of ?? {})));
  const words = [
    "curl",
    ...(answers.has("text/event-stream") ? ["-N"] : []),
    ...(answers.has("application/octet-stream") ? ["-o disk.img"] : []),
    ...(method === "get" ? [] : [`-X ${method.toUpperCase()}`]),
    ...(content["application/json"]
      ? [`-H 'content-type: application/json' -d '${JSON.stringify(content["application/json"].example)}'`]
      : []),
    ...(content["application/octet-stream"] ? ["--data-binary @disk.img.xz"] : []),
    SERVER + exampleAddress(path),
  ];
  return words.join(" ");
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
      ${Object.entries(responses)
        .filter(([, { $ref }]) => $ref === undefined)
        .map(
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
function linkOf(schema: Schema | undefined) {
  const name = nameOf(schema);
  if (name !== undefined) return html`<a href="#schema-${name}">${name}</a>`;
  const item = nameOf(schema?.items);
  if (item !== undefined) return html`list of <a href="#schema-${item}">${item}</a>`;
  return schema === undefined ? "" : html`<code>${JSON.stringify(schema)}</code>`;
}

function nameOf(schema: Schema | undefined): string | undefined {
  return schema?.$ref?.split("/").at(-1);
}
