import { NO_TAG, RESPONSE } from "../src/pdu/basic-header.ts";
import { decodeTaskManagementResponse, encodeTaskManagementRequest } from "../src/pdu/task-management.ts";
import type { Initiator } from "./initiator.ts";

/** One task management function; returns the response code. */
export async function manage(
  initiator: Initiator,
  fn: number,
  options: { lun?: number; referencedTaskTag?: number; refCmdSn?: number } = {},
): Promise<number> {
  const { lun = 0, referencedTaskTag = NO_TAG, refCmdSn = 0 } = options;
  const { cmdSn, expStatSn } = initiator;
  const taskTag = initiator.nextTaskTag();
  initiator.send(
    encodeTaskManagementRequest({
      immediate: true,
      function: fn,
      lun,
      taskTag,
      referencedTaskTag,
      cmdSn,
      expStatSn,
      refCmdSn,
    }),
  );
  const pdu = await initiator.next();
  if (pdu.opcode !== RESPONSE.taskManagement)
    throw new Error(`opcode ${pdu.opcode} in answer to task management`);
  return decodeTaskManagementResponse(pdu.header).response;
}
