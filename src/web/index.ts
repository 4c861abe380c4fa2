/** The HTTP API. */
export { createApi } from "./app.ts";
export { type Answered, apiClient, type ApiClient } from "./client.ts";
export type { ApiContext } from "./context.ts";
export { LOGIN_PATH } from "./guard.ts";
export { ProblemSchema } from "./problem.ts";
export {
  CreatedKeySchema,
  CatalogSchema,
  CreatedSessionSchema,
  EventSchema,
  HealthSchema,
  ImageInfoSchema,
  ImageSchema,
  ImportSchema,
  KeyLinkSchema,
  KeySchema,
  PiSchema,
  SessionSchema,
} from "./schemas.ts";
export { FindingSchema, NetworkSchema } from "./doctor-schemas.ts";
export { SnapshotSchema } from "./session-schemas.ts";
export { CustomiseSchema, CustomisedSchema } from "./customise-schemas.ts";
export { type ApiServer, listenTcp, listenUnix } from "./server.ts";
export { EepromSchema } from "./routes/eeprom.ts";
export { CollectedSchema, HistorySchema, JobSchema, StorageSchema } from "./storage-schemas.ts";
