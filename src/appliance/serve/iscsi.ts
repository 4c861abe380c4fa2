/** The iSCSI target's policy: a session's IQN is a target, its CHAP login opens it, its disks are the units. */
import {
  createIscsiServer,
  type IscsiEvent,
  type IscsiServer,
  LoginReject,
  type OpenTarget,
  type Target,
  type TargetDirectory,
} from "iscsi-target-ts";
import { toApplianceError } from "../errors-of-floors.ts";
import type { EventLog } from "../events.ts";
import { unitNaa, unitSerialNumber } from "../ids.ts";
import { isServed } from "../net/addresses.ts";
import type { SessionRecord } from "../sessions/record.ts";
import { WatchedDisk } from "./watched-disk.ts";
import type { LiveConnections, SessionService } from "../sessions/service.ts";

export const VENDOR = "PINETBT";
const PRODUCT = "Netboot disk";
const REVISION = "0.1";

export interface IscsiOptions {
  readonly hostname: string;
  readonly port: number;
  /** Names of the interfaces that are served; none for every one. */
  readonly interfaces: readonly string[];
  readonly sessions: SessionService;
  readonly events: EventLog;
  /** Called when a connection has begun or ended. */
  readonly onChange: () => void;
}

/** Listens, and tells the session service who is connected. Throws the system's error when it cannot listen. */
export async function startIscsi(options: IscsiOptions): Promise<IscsiServer> {
  const { sessions, hostname, port, onChange } = options;
  const server = await createIscsiServer({
    directory: directoryOf(options),
    hostname,
    port,
    onEvent(event) {
      tell(options, event);
      onChange();
    },
  });
  sessions.live = liveOf(server);
  return server;
}

function liveOf(server: IscsiServer): LiveConnections {
  return {
    addressesOf: (iqn) => [
      ...new Set(
        server
          .sessions()
          .filter(({ targetName }) => targetName === iqn)
          .map(({ remoteAddress }) => remoteAddress),
      ),
    ],
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
    open({ localAddress }) {
      if (!isServed(localAddress, options.interfaces))
        throw new LoginReject(
          "authorizationFailure",
          `${localAddress} is not on a served interface (--interface)`,
        );
      return openSession(session, options);
    },
  };
}

async function openSession(session: SessionRecord, { sessions, events }: IscsiOptions): Promise<OpenTarget> {
  try {
    const disks = await sessions.enter(session);
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
      })),
      closed: (reason) => sessions.left(session.id, reason === "logout"),
    };
  } catch (error) {
    const { code, message, fix } = toApplianceError(error);
    const words = `The disk of session ${session.id} cannot be opened: ${message}`;
    events.emit({ pi: session.pi, stage: "login", state: "fail", detail: words, fix: fix ?? null });
    // An initiator that is told of a lack of resources tries again; one whose target is removed does not.
    throw new LoginReject(code === "not-found" ? "targetRemoved" : "outOfResources", words);
  }
}

function tell({ sessions, events }: Pick<IscsiOptions, "sessions" | "events">, event: IscsiEvent): void {
  if (event.kind === "login-failed") {
    const pi = event.targetName === undefined ? null : (sessions.byIqn(event.targetName)?.pi ?? null);
    events.emit({
      pi,
      stage: "login",
      state: "fail",
      detail: `${event.remoteAddress} could not log in to ${event.targetName ?? "a target"}: ${event.reason}`,
    });
    return;
  }
  const { targetName, remoteAddress, initiatorName } = event.session;
  const record = sessions.byIqn(targetName);
  const pi = record?.pi ?? null;
  const name = record ? `session ${record.id}` : targetName;
  switch (event.kind) {
    case "login":
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
