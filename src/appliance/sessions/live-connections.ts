/** Who is logged in to the sessions, as the sessions see it. */
import { NO_TRAFFIC, type Traffic } from "./traffic.ts";

/** An initiator that is logged in. */
export interface Initiator {
  /** Its IQN, as it says. */
  readonly name: string;
  readonly address: string;
}

/** Who is logged in, as the iSCSI server knows it; a process that does not serve knows nobody. */
export interface LiveConnections {
  initiatorsOf(iqn: string): readonly Initiator[];
  /** Ends the connections of a target and resolves when its disks are closed. */
  disconnect(iqn: string): Promise<void>;
  /** What passes between the target and its initiators, as of the last second. */
  trafficOf(iqn: string): Traffic;
}

/** Of a process that does not serve. */
export const NOBODY: LiveConnections = {
  initiatorsOf: () => [],
  disconnect: () => Promise.resolve(),
  trafficOf: () => NO_TRAFFIC,
};
