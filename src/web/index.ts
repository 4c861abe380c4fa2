/** The HTTP API. */
export { createApi } from "./app.ts";
export { type Answered, apiClient, type ApiClient } from "./client.ts";
export { LOGIN_PATH } from "./guard.ts";
export { ProblemSchema } from "./problem.ts";
export {
  CatalogSchema,
  CreatedSessionSchema,
  EventSchema,
  HealthSchema,
  ImageSchema,
  ImportSchema,
  KeySchema,
  PiSchema,
  SessionSchema,
} from "./schemas.ts";
export { FindingSchema, NetworkSchema } from "./doctor-schemas.ts";
export { CustomiseSchema } from "./customise-schemas.ts";
export { type ApiServer, listenTcp, listenUnix } from "./server.ts";
export { HistorySchema, JobSchema, StorageSchema } from "./storage-schemas.ts";
