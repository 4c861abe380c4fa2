/** `/api/health`. */
import { createRoute } from "@hono/zod-openapi";
import { type ApiContext, newRouter } from "../context.ts";
import { HealthSchema } from "../schemas.ts";

const health = createRoute({
  method: "get",
  path: "/health",
  summary: "What runs, what does not and why",
  responses: { 200: { description: "It runs", content: { "application/json": { schema: HealthSchema } } } },
});

export function healthRoutes({ serving, version, pageUrl }: ApiContext) {
  return newRouter().openapi(health, (c) => {
    const shim = serving?.shim();
    return c.json(
      {
        status: "ok" as const,
        version,
        serving: serving !== undefined,
        page: pageUrl?.() ?? null,
        services: {
          iscsi: placeOf(serving?.iscsi),
          tftp: placeOf(serving?.tftp),
          report: placeOf(serving?.report),
        },
        shim: {
          state: shim?.state ?? ("missing" as const),
          step: shim?.step ?? null,
          fraction: shim?.fraction ?? null,
          eta_seconds: shim?.etaSeconds ?? null,
        },
        problems: (serving?.problems ?? []).map(({ message, fix }) => ({ message, fix: fix ?? null })),
      },
      200,
    );
  });
}

function placeOf(endpoint: { readonly address: string; readonly port: number } | undefined): string | null {
  return endpoint ? `${endpoint.address}:${endpoint.port}` : null;
}
