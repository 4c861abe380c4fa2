/** The HTTP API. */
export { createApi } from "./app.ts";
export type { ApiContext } from "./context.ts";
export { ProblemSchema } from "./problem.ts";
export {
  CreatedSessionSchema,
  EventSchema,
  HealthSchema,
  ImageInfoSchema,
  ImageSchema,
  ImportSchema,
  PiSchema,
  SessionSchema,
} from "./schemas.ts";
export { SnapshotSchema } from "./session-schemas.ts";
export { type ApiServer, listenTcp, listenUnix } from "./server.ts";
export { CollectedSchema, HistorySchema, JobSchema, StorageSchema } from "./storage-schemas.ts";
