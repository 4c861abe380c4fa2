/**
 * The services on the network, wired to the appliance. Each that cannot listen says why and the rest is served;
 * only a rival of `--dhcp server` stops the start.
 */
import type { ShimBundle } from "../../shim/index.ts";
import type { Appliance } from "../appliance.ts";
import { Director, type BootPolicyOptions } from "../boot/director.ts";
import { type FirewallSeen, readFirewall } from "../doctor/firewall.ts";
import { type ApplianceError, wordsOf } from "../errors.ts";
import { NetconsoleKeeper } from "../netconsole/keeper.ts";
import { listenNetconsole } from "../netconsole/listener.ts";
import { neighbourMac } from "../net/neighbours.ts";
import { localAddresses, outwardAddress } from "../net/addresses.ts";
import { SqliteLeaseStore } from "../state/lease-store.ts";
import { watchSpace } from "../storage/space-watch.ts";
import { explainBindError, type Listener } from "./bind-errors.ts";
import { startBootEndpoint } from "./boot-endpoint.ts";
import { type DhcpMode, startDhcp } from "./dhcp.ts";
import { SqliteReservations } from "../sessions/reservations.ts";
import { startIscsi } from "./iscsi.ts";
import { ShimKeeper, type ShimStatus } from "./shim-keeper.ts";
import { startTftp } from "./tftp.ts";

export interface ServeOptions {
  /** Names of interfaces; none for every one. */
  readonly interfaces: readonly string[];
  readonly dhcp: {
    readonly mode: DhcpMode;
    readonly range: { readonly first: string; readonly last: string } | undefined;
    readonly port: number;
    readonly pxePort: number;
  };
  /** Undefined does not serve TFTP. */
  readonly tftpPort: number | undefined;
  readonly iscsiPort: number;
  readonly reportPort: number;
  /** Where the logs of firmwares come in; undefined listens only when a Pi was told to send one. */
  readonly netconsolePort: number | undefined;
  readonly policy: BootPolicyOptions;
  /** The page as other machines see it, for the screens of Pis; it is served later than this, or not at all. */
  readonly pageUrl?: (() => string | undefined) | undefined;
  readonly cacheFolder: string;
  /** Command that builds the shim and says its progress; undefined never builds. */
  readonly shimBuildCommand: readonly string[] | undefined;
}

export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

export interface Serving {
  readonly interfaces: readonly string[];
  readonly policy: BootPolicyOptions;
  readonly dhcp: {
    readonly mode: DhcpMode;
    /** UDP; of the boot server, too. */
    readonly port: number;
    readonly pxePort: number;
    interfaces(): readonly string[];
  };
  /** Undefined for what could not listen or is off. */
  readonly iscsi: Endpoint | undefined;
  readonly tftp: Endpoint | undefined;
  readonly report: Endpoint | undefined;
  shim(): ShimStatus;
  /** As of the start, when there may have been more rights than now. */
  readonly firewall: FirewallSeen;
  /** Why what does not run does not. */
  readonly problems: readonly ApplianceError[];
  /** Ends every connection, closes every disk. */
  stop(): Promise<void>;
}

const SWEEP_MS = 10_000;
const LOOPBACK = "127.0.0.1";
/** As lists of images show one without a name. */
const IMAGE_ID_SHOWN_CHARS = 12;

/** Starts what can be started. Throws ApplianceError "rival-dhcp-server" alone. */
export async function startServing(appliance: Appliance, options: ServeOptions): Promise<Serving> {
  const { events, sessions, registry, library, pis } = appliance;
  const problems: ApplianceError[] = [];
  const stops: (() => void | Promise<void>)[] = [];
  const onLoopback = options.interfaces.length > 0 && options.interfaces.every((name) => name === "lo");
  const hostname = onLoopback ? LOOPBACK : "0.0.0.0";
  const { waiting } = appliance;
  const leases = new SqliteLeaseStore(appliance.database.sqlite);
  const keeper = new ShimKeeper({
    cacheFolder: options.cacheFolder,
    events,
    buildCommand: options.shimBuildCommand,
    onReady: () => waiting.call(),
  });
  const director = new Director({
    pis: registry,
    sessions,
    library,
    policy: options.policy,
    shimState: () => (keeper.bundle ? "ready" : keeper.status.state),
  });
  pis.onChange = () => waiting.call();
  const { adopt, image } = options.policy;
  if (adopt === "default" && image !== undefined && !library.find(image))
    events.emit({
      stage: "server",
      state: "fail",
      detail: `The image ${image} of --image is not in the library: no Pi gets it until it is`,
      fix: "pinetboot image list shows what there is.",
    });
  await keeper.start();
  stops.push(() => keeper.stop());

  /** Starts one service; the error of one that cannot is kept and said. */
  async function attempt<T>(listener: Listener, start: () => T | Promise<T>): Promise<T | undefined> {
    try {
      return await start();
    } catch (error) {
      const problem = explainBindError(error, listener);
      if (problem.code === "rival-dhcp-server") throw problem;
      problems.push(problem);
      events.emit({ stage: "server", state: "fail", detail: problem.message, fix: problem.fix ?? null });
      return undefined;
    }
  }

  try {
    const iscsi = await attempt(
      { service: "iSCSI", protocol: "tcp", port: options.iscsiPort, flag: "--iscsi-port" },
      () =>
        startIscsi({
          hostname,
          port: options.iscsiPort,
          interfaces: options.interfaces,
          sessions,
          reservations: (session, lun) => new SqliteReservations(appliance.database, session, lun),
          events,
          unanswered: appliance.unanswered,
          feed: appliance.feed,
          onChange: () => waiting.call(),
        }),
    );
    if (iscsi) stops.push(() => iscsi.stop());
    const report = await attempt(
      { service: "The boot endpoint", protocol: "tcp", port: options.reportPort, flag: "--report-port" },
      () =>
        startBootEndpoint({
          hostname,
          port: options.reportPort,
          interfaces: options.interfaces,
          director,
          sessions,
          events,
          unanswered: appliance.unanswered,
          eeprom: appliance.eeprom,
          waiting,
          orders: appliance.orders,
          consoles: appliance.consoles,
          shim: () => keeper.bundle,
          iscsiPort: () => iscsi?.port,
          pageUrl: options.pageUrl ?? (() => undefined),
          imageName: (id) => library.find(id)?.names[0] ?? id.slice(0, IMAGE_ID_SHOWN_CHARS),
        }),
    );
    if (report) stops.push(() => report.stop());
    const { tftpPort } = options;
    const tftp =
      tftpPort === undefined
        ? undefined
        : await attempt({ service: "TFTP", protocol: "udp", port: tftpPort, flag: "--tftp-port" }, () =>
            startTftp({
              addresses: () => localAddresses(options.interfaces).map(({ address }) => address),
              port: tftpPort,
              director,
              pis: registry,
              events,
              eeprom: appliance.eeprom,
              shim: (): ShimBundle | undefined => keeper.bundle,
              leaseMac: (address) => leases.macOf(address),
              reportPort: () => report?.port ?? options.reportPort,
              names: (pi, image) =>
                appliance.customiser.bootNames(
                  pi,
                  image === undefined ? undefined : sessions.ofPi(pi, image)?.id,
                ),
            }),
          );
    if (tftp) stops.push(() => tftp.close());
    const { mode, ...dhcpOptions } = options.dhcp;
    const dhcp =
      mode === "off"
        ? undefined
        : await attempt(
            { service: "DHCP", protocol: "udp", port: dhcpOptions.port, flag: "--dhcp-port" },
            () =>
              startDhcp({
                ...dhcpOptions,
                mode,
                interfaces: options.interfaces,
                leases,
                director,
                pis: registry,
                sessions,
                events,
                unanswered: appliance.unanswered,
                iscsiPort: () => iscsi?.port,
                reportPort: () => report?.port,
              }),
          );
    if (dhcp) stops.push(() => dhcp.close());

    const netconsole = new NetconsoleKeeper(options.netconsolePort, (port) =>
      attempt({ service: "The log listener", protocol: "udp", port, flag: "--netconsole-port" }, () =>
        listenNetconsole({
          hostname,
          port,
          events,
          piAt: (address) =>
            appliance.eeprom.piOfNetconsole(address) ??
            registry.byMac(leases.macOf(address) ?? neighbourMac(address) ?? "")?.key ??
            registry.byAddress(address)?.key,
          onText: (pi, text) => appliance.consoles.add(pi, "netconsole", text),
        }),
      ),
    );
    stops.push(() => netconsole.stop());
    appliance.eeprom.onNetconsole = () => void netconsole.listen();
    if (options.netconsolePort !== undefined || appliance.eeprom.hasNetconsole) await netconsole.listen();

    const mended = sessions.mend();
    stops.push(() => mended, startChores(appliance), watchSpace({ folder: appliance.dataFolder, events }));
    const own = onLoopback ? LOOPBACK : outwardAddress(localAddresses(options.interfaces));
    const at = (service: { readonly port: number } | undefined): Endpoint | undefined =>
      service && { address: own, port: service.port };
    return {
      interfaces: options.interfaces,
      policy: options.policy,
      dhcp: {
        mode: dhcp ? mode : "off",
        port: dhcpOptions.port,
        pxePort: dhcpOptions.pxePort,
        interfaces: () => dhcp?.interfaces() ?? [],
      },
      iscsi: at(iscsi),
      tftp: at(tftp),
      report: at(report),
      shim: () => keeper.status,
      firewall: await readFirewall(),
      problems,
      stop: () => stopAll(stops),
    };
  } catch (error) {
    await stopAll(stops);
    throw error;
  }
}

/** What must be done now and then: expiry, ephemeral disks, the database's log. Returns how to stop it. */
function startChores({ sessions, database, events }: Appliance): () => void {
  const timer = setInterval(() => {
    Promise.all([sessions.sweep(), database.checkpointIfLong()]).catch((error: unknown) => {
      events.emit({ stage: "server", state: "fail", detail: `Clearing up failed: ${wordsOf(error)}` });
    });
  }, SWEEP_MS);
  return () => clearInterval(timer);
}

/** The newest first: nobody is answered who could not be served. */
async function stopAll(stops: readonly (() => void | Promise<void>)[]): Promise<void> {
  for (const stop of stops.toReversed()) await stop();
}
