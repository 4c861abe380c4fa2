/** Task management functions, RFC 7143 section 11.5 and SAM-5 section 7. */
import { TASK_FUNCTION, TASK_RESPONSE, type TaskManagementRequest } from "../pdu/task-management.ts";
import type { UnitSet } from "../scsi/execute.ts";
import type { Unit } from "../scsi/unit.ts";
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
      return own.tasks.abort(request.referencedTaskTag) || forgoes(request, own)
        ? TASK_RESPONSE.complete
        : TASK_RESPONSE.noSuchTask;
    case TASK_FUNCTION.abortTaskSet:
      if (!own.units.units.has(lun)) return TASK_RESPONSE.noSuchLun;
      own.tasks.abortAll(lun);
      return TASK_RESPONSE.complete;
    case TASK_FUNCTION.clearTaskSet:
      return ofUnit(own, lun, peers, (peer, unit) => {
        const count = peer.tasks.abortAll(unit.lun);
        if (peer !== own && count > 0) unit.attend("commandsCleared");
      });
    case TASK_FUNCTION.lunReset:
      return ofUnit(own, lun, peers, (peer, unit) => {
        peer.tasks.abortAll(unit.lun);
        unit.reset("lunReset");
      });
    // After a cold reset the session ends the connections too; its peers' next ones begin with "power on".
    case TASK_FUNCTION.targetColdReset:
    case TASK_FUNCTION.targetWarmReset:
      for (const peer of peers) {
        peer.tasks.abortAll();
        for (const unit of peer.units.units.values()) unit.reset("lunReset");
      }
      return TASK_RESPONSE.complete;
    case TASK_FUNCTION.taskReassign:
      return TASK_RESPONSE.reassignNotSupported;
    default:
      return TASK_RESPONSE.notSupported;
  }
}

/** Every view of one disk, by whatever LUN: a target may give its initiators different disks under the same number. */
function ofUnit(
  own: Peer,
  lun: number,
  peers: Iterable<Peer>,
  act: (peer: Peer, unit: Unit) => void,
): number {
  const shared = own.units.units.get(lun)?.shared;
  if (!shared) return TASK_RESPONSE.noSuchLun;
  for (const peer of peers)
    for (const unit of peer.units.units.values()) if (unit.shared === shared) act(peer, unit);
  return TASK_RESPONSE.complete;
}

/** Section 11.5.5: only a command older than the request itself can have been sent and not have come. */
function forgoes({ refCmdSn, cmdSn }: TaskManagementRequest, own: Peer): boolean {
  const isOlder = (cmdSn - refCmdSn) >>> 0 > 0 && (cmdSn - refCmdSn) >>> 0 < 2 ** 31;
  return isOlder && own.forgo(refCmdSn);
}
