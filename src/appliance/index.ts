/** The appliance: what is decided, kept and served. */
export { type Appliance, type ApplianceOptions, openAppliance } from "./appliance.ts";
export { backupFolder, restoreFolder } from "./backup/backup.ts";
export type { BootPolicyOptions } from "./boot/director.ts";
export { type Customisation, type CustomiseRequest, checkCustomisation } from "./customise/settings.ts";
export { ADOPT_POLICIES, type AdoptPolicy } from "./decide.ts";
export { examine } from "./doctor/doctor.ts";
export { FINDING_LEVELS } from "./doctor/finding.ts";
export { type SeenInterface, seenInterfaces, servedPorts } from "./doctor/network.ts";
export { formatDuration, parseDuration } from "./durations.ts";
export { OFFER_STATES } from "./eeprom/record.ts";
export type { EepromView } from "./eeprom/service.ts";
export { type ByteRange, type Download, DOWNLOAD_FORMATS, type DownloadFormat } from "./copies/download.ts";
export { EXPORT_FORMATS } from "./copies/copies.ts";
export { COPY_KINDS, type CopyJob } from "./copies/jobs.ts";
export type { Collected } from "./storage/collect.ts";
export { hostSpace } from "./storage/host-space.ts";
export type { StorageUsage } from "./storage/usage.ts";
export { ApplianceError, ERROR_CODES, errnoOf, type ErrorCode, wordsOf } from "./errors.ts";
export { toApplianceError } from "./errors-of-floors.ts";
export type { ApplianceEvent } from "./events.ts";
export type { LiveNews } from "./live-feed.ts";
export type { Traffic } from "./sessions/traffic.ts";
export type { Catalog } from "../images/catalog/load.ts";
export { catalogOf } from "./images/catalog.ts";
export { FORMAT_CHOICES, type FormatChoice } from "../images/import/formats.ts";
export type { ImportFrom, ImportJob, ImportRequest } from "./images/import-job.ts";
export { isLocalAddress, localAddresses, outwardAddress } from "./net/addresses.ts";
export { type KeyRecord, Keys } from "./keys/keys.ts";
export { RateLimit } from "./boot/rate.ts";
export { type Assignment, BOOT_MODES, type BootMode, parsePiKey, piCode } from "./pis/record.ts";
export { GROUP_MAX_CHARS, LABEL_MAX_CHARS } from "./pis/names.ts";
export { doWithMany, type PiSelection, selectPis } from "./pis/many.ts";
export { PI_ORDERS } from "./boot/orders.ts";
export type { ConsoleLine } from "./consoles.ts";
export { SHIM_VARIANTS, type ShimVariant } from "../shim/index.ts";
export type { PiView } from "./pis/service.ts";
export { NETCONSOLE_PORT } from "./netconsole/listener.ts";
export { explainBindError } from "./serve/bind-errors.ts";
export { DHCP_MODES, type DhcpMode } from "./serve/dhcp.ts";
export { type ServeOptions, type Serving, startServing } from "./serve/serving.ts";
export type { BuildLine } from "./serve/shim-keeper.ts";
export type { Snapshot } from "./sessions/catalogue.ts";
export { type Boot, bootOf, type Step } from "./boot/timeline.ts";
export { recipesFor } from "./sessions/recipes.ts";
export { BLANK, type SessionRecord } from "./sessions/record.ts";
export type { DiskRequest } from "./sessions/request.ts";
export { formatSize, parseSize } from "./sizes.ts";
export { BOOT_STAGES, type BootStage, hasReached, isBootStage, STAGE_STATES } from "./stages.ts";
export { folderPaths } from "./state/folder.ts";
export { lockHolder } from "./state/folder-lock.ts";
export {
  defaultCacheFolder,
  defaultDataFolder,
  giveToCaller,
  giveTreeToCaller,
  sudoCaller,
} from "./system/caller.ts";
export { dropPrivileges } from "./system/privileges.ts";
export type { Unanswered } from "./unanswered.ts";
