/** The iSCSI target's policy: a session's IQN is a target, its CHAP login opens it, its disks are the units. */
import {
  createIscsiServer,
  type IscsiEvent,
  type IscsiServer,
  LoginReject,
  type OpenTarget,
  type ReservationStore,
  type Target,
  type TargetDirectory,
} from "iscsi-target-ts";
import { toApplianceError } from "../errors-of-floors.ts";
import { cleanText, type EventLog } from "../events.ts";
import { unitNaa, unitSerialNumber } from "../ids.ts";
import { fenceFix } from "../sessions/initiators.ts";
import { RepeatFilter } from "./repeat-filter.ts";
import { isServed } from "../net/addresses.ts";
import type { SessionRecord } from "../sessions/record.ts";
import { WatchedDisk } from "./watched-disk.ts";
import type { LiveFeed } from "../live-feed.ts";
import type { LiveConnections } from "../sessions/live-connections.ts";
import type { SessionService } from "../sessions/service.ts";
import { TrafficMeter } from "../sessions/traffic.ts";
import type { UnansweredLog } from "../unanswered.ts";

export const VENDOR = "PINETBT";
const PRODUCT = "Netboot disk";
const REVISION = "0.1";
/** How the doctor names it. */
const ISCSI_SERVICE = "iSCSI";

/** An initiator that is refused asks again every few seconds, for days if need be: the same refusal is told so often. */
const TELL_AGAIN_MS = 60_000;
/** How often throughput is looked at, and told at most. */
const TRAFFIC_MS = 1000;

export interface IscsiOptions {
  readonly hostname: string;
  readonly port: number;
  /** Names of the interfaces that are served; none for every one. */
  readonly interfaces: readonly string[];
  readonly sessions: SessionService;
  /** Where reservations of a session's disk are kept. */
  readonly reservations: (session: string, lun: number) => ReservationStore;
  readonly events: EventLog;
  readonly unanswered: UnansweredLog;
  readonly feed: LiveFeed;
  /** Called when a connection has begun or ended. */
  readonly onChange: () => void;
}

/** Listens, and tells the session service who is connected. Throws the system's error when it cannot listen. */
export async function startIscsi(options: IscsiOptions): Promise<IscsiServer> {
  const { sessions, hostname, port, onChange } = options;
  const failures = new RepeatFilter(TELL_AGAIN_MS);
  const meter = new TrafficMeter(performance.now());
  const server = await createIscsiServer({
    directory: directoryOf(options),
    hostname,
    port,
    onEvent(event) {
      if (event.kind === "logout" || event.kind === "drop") meter.ended(event.session);
      tell(options, failures, event);
      onChange();
    },
  });
  sessions.live = liveOf(server, meter);
  const timer = setInterval(() => tellTraffic(options, server, meter), TRAFFIC_MS);
  return {
    ...server,
    stop() {
      clearInterval(timer);
      return server.stop();
    },
  };
}

function tellTraffic({ sessions, feed }: IscsiOptions, server: IscsiServer, meter: TrafficMeter): void {
  meter.keep((iqn) => sessions.byIqn(iqn) !== undefined);
  const changed = meter.look(server.sessions(), performance.now()).flatMap((iqn) => {
    const session = sessions.byIqn(iqn);
    return session ? [{ id: session.id, ...meter.of(iqn) }] : [];
  });
  if (changed.length > 0) feed.tell({ kind: "traffic", at: Date.now(), sessions: changed });
}

function liveOf(server: IscsiServer, meter: TrafficMeter): LiveConnections {
  return {
    trafficOf: (iqn) => meter.of(iqn),
    initiatorsOf: (iqn) =>
      server
        .sessions()
        .filter(({ targetName }) => targetName === iqn)
        .map(({ initiatorName, remoteAddress }) => ({
          name: cleanText(initiatorName),
          address: remoteAddress,
        })),
    async disconnect(iqn) {
      await server.disconnect(iqn);
    },
  };
}

/** The sessions as the target sees them. Every one has a login, so anonymous discovery shows none. */
function directoryOf(options: IscsiOptions): TargetDirectory {
  const { sessions } = options;
  return {
    find(iqn) {
      const session = sessions.byIqn(iqn);
      return session && targetOf(session, options);
    },
    visible({ chapUser }) {
      const session = chapUser === undefined ? undefined : sessions.byChapUser(chapUser);
      return session ? [session.iqn] : [];
    },
    chapSecret: (user) => sessions.byChapUser(user)?.chapSecret,
  };
}

function targetOf(session: SessionRecord, options: IscsiOptions): Target {
  return {
    name: session.iqn,
    auth: { user: session.chapUser, secret: session.chapSecret },
    open({ localAddress, initiatorName }) {
      if (!isServed(localAddress, options.interfaces))
        throw new LoginReject(
          "authorizationFailure",
          `${localAddress} is not on a served interface (--interface)`,
        );
      return openSession(session, initiatorName, options);
    },
  };
}

async function openSession(
  session: SessionRecord,
  initiatorName: string,
  { sessions, reservations, events }: IscsiOptions,
): Promise<OpenTarget> {
  try {
    const disks = await sessions.enter(session, initiatorName);
    return {
      units: disks.map(({ lun, layer }) => ({
        lun,
        device: new WatchedDisk(layer, ({ detail, fix }) =>
          events.emit({
            pi: session.pi,
            stage: "session",
            state: "fail",
            detail: `Session ${session.id}, disk ${lun}: ${detail}`,
            fix,
          }),
        ),
        blockSizeBytes: 512,
        naa: unitNaa(session.naa, lun),
        serialNumber: unitSerialNumber(session.serialNumber, lun),
        vendor: VENDOR,
        product: PRODUCT,
        revision: REVISION,
        reservations: reservations(session.id, lun),
      })),
      closed: (reason) => sessions.left(session.id, reason === "logout"),
    };
  } catch (error) {
    const { code, message, fix } = toApplianceError(error);
    // Told by the failed login. A service that is not there for now is asked for again and again (open-iscsi, libiscsi),
    // so that an initiator that is let in later goes on by itself; one that is not authorised would give its disk up.
    if (code === "fenced") throw new LoginReject("serviceUnavailable", message);
    const words = `The disk of session ${session.id} cannot be opened: ${message}`;
    events.emit({ pi: session.pi, stage: "login", state: "fail", detail: words, fix: fix ?? null });
    // An initiator that is told of a lack of resources tries again; one whose target is removed does not.
    throw new LoginReject(code === "not-found" ? "targetRemoved" : "outOfResources", words);
  }
}

function fixOf(
  event: Extract<IscsiEvent, { kind: "login-failed" }>,
  session: SessionRecord | undefined,
  sessions: SessionService,
): string | null {
  if (session === undefined || event.initiatorName === undefined) return null;
  return sessions.fence.isFenced(session.id, event.initiatorName) ? fenceFix(session.id) : null;
}

function tell(
  { sessions, events, unanswered }: Pick<IscsiOptions, "sessions" | "events" | "unanswered">,
  failures: RepeatFilter,
  event: IscsiEvent,
): void {
  if (event.kind === "login-failed") {
    const record = event.targetName === undefined ? undefined : sessions.byIqn(event.targetName);
    const fix = fixOf(event, record, sessions);
    unanswered.note({
      service: ISCSI_SERVICE,
      who: event.remoteAddress,
      name: event.initiatorName,
      reason: `it could not log in to ${event.targetName ?? "a target"}: ${event.reason}`,
      fix:
        fix ??
        "Compare its target, user and secret with pinetboot session list; a new disk has a new secret.",
    });
    const detail = `${event.remoteAddress} could not log in to ${event.targetName ?? "a target"}: ${event.reason}`;
    if (failures.isNew(detail))
      events.emit({
        pi: record?.pi ?? null,
        stage: "login",
        state: "fail",
        detail,
        fix,
      });
    return;
  }
  const { targetName, remoteAddress, initiatorName } = event.session;
  const record = sessions.byIqn(targetName);
  const pi = record?.pi ?? null;
  const name = record ? `session ${record.id}` : targetName;
  switch (event.kind) {
    case "login":
      unanswered.answered(ISCSI_SERVICE, remoteAddress);
      events.emit({
        pi,
        stage: "login",
        state: "ok",
        detail: `${initiatorName} at ${remoteAddress} uses ${name}`,
      });
      return;
    case "logout":
      events.emit({ pi, stage: "session", state: "ok", detail: `${remoteAddress} logged out of ${name}` });
      return;
    case "drop":
      events.emit({
        pi,
        stage: "session",
        state: "progress",
        detail: `The connection of ${remoteAddress} to ${name} ended; what was written is kept. ${event.reason}`,
      });
      return;
  }
}
