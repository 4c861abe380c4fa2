/** Task management functions, RFC 7143 section 11.5 and SAM-5 section 7. */
import { TASK_FUNCTION, TASK_RESPONSE, type TaskManagementRequest } from "../pdu/task-management.ts";
import type { UnitSet } from "../scsi/execute.ts";
import type { SenseName } from "../scsi/sense.ts";
import type { TaskSet } from "./task-set.ts";

/** A session of the target, as another one's task management reaches it. */
export interface Peer {
  readonly tasks: TaskSet;
  readonly units: UnitSet;
  /** Counts a command that never came as received; false when its number could not come (RFC 7143 section 11.5.1). */
  forgo(cmdSn: number): boolean;
}

/** Carries the function out at once (aborting is dropping) and returns the response code. */
export function manageTasks(request: TaskManagementRequest, own: Peer, peers: Iterable<Peer>): number {
  const { lun } = request;
  switch (request.function) {
    case TASK_FUNCTION.abortTask:
      return own.tasks.abort(request.referencedTaskTag) || own.forgo(request.refCmdSn)
        ? TASK_RESPONSE.complete
        : TASK_RESPONSE.noSuchTask;
    case TASK_FUNCTION.abortTaskSet:
      if (!own.units.units.has(lun)) return TASK_RESPONSE.noSuchLun;
      own.tasks.abortAll(lun);
      return TASK_RESPONSE.complete;
    case TASK_FUNCTION.clearTaskSet:
      if (!own.units.units.has(lun)) return TASK_RESPONSE.noSuchLun;
      for (const peer of peers) {
        const count = peer.tasks.abortAll(lun);
        if (peer !== own && count > 0) peer.units.units.get(lun)?.attend("commandsCleared");
      }
      return TASK_RESPONSE.complete;
    case TASK_FUNCTION.lunReset:
      if (!own.units.units.has(lun)) return TASK_RESPONSE.noSuchLun;
      for (const peer of peers) reset(peer, "lunReset", lun);
      return TASK_RESPONSE.complete;
    // After a cold reset the session ends the connections too; its peers' next ones begin with "power on".
    case TASK_FUNCTION.targetColdReset:
    case TASK_FUNCTION.targetWarmReset:
      for (const peer of peers) reset(peer, "lunReset");
      return TASK_RESPONSE.complete;
    case TASK_FUNCTION.taskReassign:
      return TASK_RESPONSE.reassignNotSupported;
    default:
      return TASK_RESPONSE.notSupported;
  }
}

function reset(peer: Peer, sense: SenseName, lun?: number): void {
  peer.tasks.abortAll(lun);
  for (const unit of peer.units.units.values()) if (lun === undefined || unit.lun === lun) unit.reset(sense);
}
