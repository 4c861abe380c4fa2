export type { BlockDevice, DeviceExtent } from "./block-device.ts";
export {
  LoginReject,
  type ChapIdentity,
  type ChapLogin,
  type LogicalUnit,
  type Nexus,
  type OpenTarget,
  type SessionEnd,
  type Target,
  type TargetDirectory,
} from "./directory.ts";
export type { IscsiEvent, SessionInfo } from "./events.ts";
export { DEFAULT_LIMITS, type ServerLimits } from "./limits.ts";
export type { LoginStatus } from "./login/status.ts";
export type {
  HeldReservation,
  InitiatorPort,
  Registration,
  ReservationState,
  ReservationStore,
} from "./scsi/reservations/state.ts";
export { createIscsiServer, type IscsiServer, type IscsiServerOptions } from "./server.ts";
