/** From a completed login to an open session: reinstatement, the owner's consent, its units. */
import { LoginReject, type Nexus, type OpenTarget, type SessionEnd, type Target } from "../directory.ts";
import type { IscsiEvent, SessionInfo } from "../events.ts";
import type { ServerLimits } from "../limits.ts";
import type { CompletedLogin } from "../login/login-machine.ts";
import type { UnitSet } from "../scsi/execute.ts";
import { Unit } from "../scsi/unit.ts";
import { DirtyBudget } from "../session/dirty-budget.ts";
import type { DiscoveryView } from "../session/send-targets.ts";
import { Session, type SessionHost } from "../session/session.ts";
import type { SessionRegistry } from "./session-registry.ts";

/** The connection as a session's owner and a newer login see it. */
export interface Link {
  readonly remoteAddress: string;
  readonly remotePort: number;
  readonly localAddress: string;
  readonly isClosed: boolean;
  close(end: SessionEnd, why: string): Promise<void>;
  retire(end: SessionEnd, why: string): Promise<void>;
}

/** What the connection gives to a session. */
export type ConnectionSide = Omit<SessionHost, "peers" | "dirty">;

export interface Opener {
  readonly registry: SessionRegistry;
  readonly limits: ServerLimits;
  readonly onEvent: (event: IscsiEvent) => void;
}

/** A session that is open, and what is to be done at its end (once). */
export interface Opened {
  readonly session: Session;
  readonly tsih: number;
  finish(end: SessionEnd, why: string): Promise<void>;
}

/** A discovery session: text requests only, no units, nobody to be told. */
export function openDiscovery(
  login: CompletedLogin,
  host: ConnectionSide,
  view: DiscoveryView,
  registry: SessionRegistry,
): Opened {
  const units: UnitSet = { targetName: "", units: new Map(), luns: [] };
  const session = new Session({ ...host, peers: () => [], dirty: new DirtyBudget(0) }, login, units, view);
  return { session, tsih: registry.nextTsih(), finish: () => session.end() };
}

/** Throws LoginReject when the session may not be opened. */
export function openNormal(
  login: CompletedLogin & { readonly target: Target },
  link: Link,
  host: ConnectionSide,
  view: DiscoveryView,
  opener: Opener,
): Promise<Opened> {
  const nexus: Nexus = {
    targetName: login.target.name,
    initiatorName: login.initiatorName,
    isid: login.isid,
    remoteAddress: link.remoteAddress,
    remotePort: link.remotePort,
    localAddress: link.localAddress,
    ...(login.chapUser === undefined ? {} : { chapUser: login.chapUser }),
  };
  return opener.registry.inTurn(nexus, async () => {
    await reinstate(login, nexus, opener.registry);
    if (opener.registry.ofTarget(nexus.targetName).length >= opener.limits.maxSessionsPerTarget)
      throw new LoginReject("outOfResources", "The target has as many sessions as it may have.");
    const target = await login.target.open(nexus);
    if (link.isClosed) {
      await target.closed("drop");
      throw new LoginReject("initiatorError", "The initiator hung up while its session was being opened.");
    }
    try {
      return register(login, nexus, target, link, host, view, opener);
    } catch (error) {
      await target.closed("drop");
      throw error;
    }
  });
}

/** RFC 7143 section 6.3.5: the older session of the nexus ends first. With a TSIH the login must belong to it. */
async function reinstate(login: CompletedLogin, nexus: Nexus, registry: SessionRegistry): Promise<void> {
  const old = registry.ofNexus(nexus);
  if (login.tsih !== 0) {
    if (old?.tsih !== login.tsih)
      throw new LoginReject("sessionDoesNotExist", "The initiator claims a session that is not there.");
    if (old.cid !== login.cid)
      throw new LoginReject(
        "tooManyConnections",
        "A session here has one connection, the initiator wants another.",
      );
  }
  await old?.end("reinstated", "The initiator logged in again.");
}

function register(
  login: CompletedLogin,
  nexus: Nexus,
  target: OpenTarget,
  link: Link,
  host: ConnectionSide,
  view: DiscoveryView,
  { registry, limits, onEvent }: Opener,
): Opened {
  const tsih = login.tsih === 0 ? registry.nextTsih() : login.tsih;
  const dirty = new DirtyBudget(limits.maxDirtyBytes);
  const units = unitSet(nexus, target, registry, dirty);
  const peers = (): Session[] => registry.ofTarget(nexus.targetName).map(({ session }) => session);
  const session = new Session({ ...host, peers, dirty }, login, units, view);
  const since = new Date();
  const info = (): SessionInfo => ({
    id: tsih,
    targetName: nexus.targetName,
    initiatorName: nexus.initiatorName,
    isid: nexus.isid,
    remoteAddress: nexus.remoteAddress,
    remotePort: nexus.remotePort,
    localAddress: nexus.localAddress,
    since,
    bytesRead: session.bytesRead,
    bytesWritten: session.bytesWritten,
  });
  let isEnding = false;
  registry.add({
    tsih,
    cid: login.cid,
    nexus,
    session,
    get info() {
      return info();
    },
    get isEnding() {
      return isEnding;
    },
    end: (end, why) => link.close(end, why),
    retire: (end, why) => link.retire(end, why),
  });
  onEvent({ kind: "login", session: info() });
  return {
    session,
    tsih,
    async finish(end, why) {
      isEnding = true;
      await session.end();
      let reason = why;
      try {
        await target.closed(end);
      } catch (error) {
        reason = `${why} Closing its units failed: ${error instanceof Error ? error.message : String(error)}.`;
      }
      for (const unit of units.units.values()) registry.units.detach(unit);
      registry.remove(tsih);
      onEvent(
        end === "logout"
          ? { kind: "logout", session: info() }
          : { kind: "drop", session: info(), end, reason },
      );
    },
  };
}

function unitSet(
  nexus: Nexus,
  { units }: OpenTarget,
  registry: SessionRegistry,
  dirty: DirtyBudget,
): UnitSet {
  const byLun = new Map(
    units.map((unit) => [
      unit.lun,
      new Unit({ ...unit, device: dirty.meter(unit.device) }, nexus, registry.units.of(unit)),
    ]),
  );
  if (byLun.size === 0 || byLun.size !== units.length)
    throw new RangeError("a target needs units, each with a LUN of its own");
  return { targetName: nexus.targetName, units: byLun, luns: [...byLun.keys()].toSorted((a, b) => a - b) };
}
