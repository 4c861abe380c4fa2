/** Calls of the API, and its errors as the person should read them. */
import type { z } from "@hono/zod-openapi";
import type {
  CatalogSchema,
  CreatedSessionSchema,
  EventSchema,
  FindingSchema,
  HealthSchema,
  HistorySchema,
  ImageSchema,
  ImportSchema,
  JobSchema,
  KeySchema,
  NetworkSchema,
  PiSchema,
  ProblemSchema,
  SessionSchema,
  StorageSchema,
} from "../web/index.ts";

export type Pi = z.infer<typeof PiSchema>;
export type Session = z.infer<typeof SessionSchema>;
export type CreatedSession = z.infer<typeof CreatedSessionSchema>;
export type Image = z.infer<typeof ImageSchema>;
export type Import = z.infer<typeof ImportSchema>;
export type Catalog = z.infer<typeof CatalogSchema>;
export type Job = z.infer<typeof JobSchema>;
export type History = z.infer<typeof HistorySchema>;
export type Storage = z.infer<typeof StorageSchema>;
export type Health = z.infer<typeof HealthSchema>;
export type Finding = z.infer<typeof FindingSchema>;
export type Network = z.infer<typeof NetworkSchema>;
export type Key = z.infer<typeof KeySchema>;
export type Traffic = Session["traffic"];
export type BootEvent = z.infer<typeof EventSchema>;

/** What went wrong and what to do about it, in the server's own words. */
export class Problem extends Error {
  readonly fix: string | null;

  constructor(message: string, fix: string | null) {
    super(message);
    this.fix = fix;
  }
}

/** Asks the server. Throws Problem, also when it cannot be reached. */
export async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
  let response: Response;
  try {
    response = await fetch(`/api${path}`, {
      method,
      ...(body !== undefined && {
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
      }),
    });
  } catch {
    throw new Problem("The server does not answer.", "Is pinetboot serve still running?");
  }
  // The server is our own and of the same build: what it answers is what its schema says.
  const answer: unknown = response.status === 204 ? undefined : await response.json().catch(() => undefined);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  if (response.ok) return answer as T;
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const problem = answer as z.infer<typeof ProblemSchema> | undefined;
  throw new Problem(problem?.detail ?? `The server answered ${response.status}.`, problem?.fix ?? null);
}
