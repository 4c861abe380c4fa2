/** What may be done at an address of the API, for whoever asks for something else there (RFC 9110 sections 9.3.7, 15.5.6). */
import type { Context } from "hono";
import { problem } from "./problem.ts";

interface Route {
  readonly method: string;
  readonly path: string;
}

/** Makes what answers when no route does: 404 where there is nothing, 405 and Allow where there is something else. */
export function nothingHere(routes: readonly Route[]): (c: Context) => Response {
  // What stands at every address says nothing of one.
  const known = routes
    .filter(({ method }) => method !== "ALL")
    .map(({ method, path }) => ({ method, pattern: patternOf(path) }));
  return (c) => {
    const { method, path } = c.req;
    const methods = new Set(known.filter(({ pattern }) => pattern.test(path)).map((route) => route.method));
    if (methods.has("GET")) methods.add("HEAD");
    if (methods.size === 0 || methods.has(method))
      return problem(c, 404, {
        code: "not-found",
        title: "There is nothing here",
        detail: `No ${method} ${path.slice(0, 100)}`,
        fix: "See /api/openapi.json.",
      });
    const allowed = [...methods, "OPTIONS"].toSorted().join(", ");
    c.header("allow", allowed);
    if (method === "OPTIONS") return c.body(null, 204);
    return problem(c, 405, {
      code: "bad-request",
      title: "That cannot be done here",
      detail: `No ${method.slice(0, 20)} at ${path.slice(0, 100)}`,
      fix: `It takes ${allowed}.`,
    });
  };
}

/** `/api/pis/:key` as what matches addresses; a name never has a slash in it. */
function patternOf(path: string): RegExp {
  const parts = path.split("/").map((part) => {
    if (part === "*") return ".*";
    return part.startsWith(":") ? "[^/]+" : part.replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
  });
  return new RegExp(`^${parts.join("/")}$`);
}
