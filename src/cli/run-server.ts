/** The life of a server: open, listen, give rights away, say that it is ready, end cleanly. */
import {
  type Appliance,
  type ApplianceError,
  dropPrivileges,
  explainBindError,
  folderPaths,
  localAddresses,
  openAppliance,
  outwardAddress,
  type ServeOptions,
  type Serving,
  startServing,
} from "../appliance/index.ts";
import { type ApiServer, createApi, listenTcp, listenUnix, LOGIN_PATH } from "../web/index.ts";
import { type LogFormat, openLog } from "./logging.ts";
import { typedCommand } from "./self.ts";
import { VERSION } from "./version.ts";

export interface ServerOptions {
  readonly dataFolder: string;
  readonly http: { readonly hostname: string; readonly port: number };
  readonly log: LogFormat;
  readonly serve: ServeOptions;
}

const NOT_SERVED = "not served";

/** Serves until SIGINT, SIGTERM or SIGHUP. Throws when the folder is locked or another DHCP server is in the way. */
export async function runServer(options: ServerOptions): Promise<void> {
  const stopped = untilSignal();
  const log = await openLog(options.log);
  const appliance = await openAppliance({ dataFolder: options.dataFolder, purpose: "pinetboot serve" });
  appliance.events.listen((event) => log.step(event));
  outliveFaults(appliance);
  try {
    let pageUrl: string | undefined;
    const serving = await startServing(appliance, { ...options.serve, pageUrl: () => pageUrl });
    const servers: ApiServer[] = [];
    const context = { appliance, serving, version: VERSION, pageUrl: () => pageUrl };
    try {
      servers.push(listenUnix(createApi(context), folderPaths(options.dataFolder).socket));
      const api = listenApi(options, appliance, context);
      if (api) {
        servers.push(api);
        pageUrl = outwardUrl(api.url, serving);
      }
      const given = dropPrivileges(options.dataFolder);
      if (given !== undefined) log.note(`Ports are bound; ${given}.`);
      log.ready(
        readyDocument(serving, api),
        readyWords(serving, pageWords(pageUrl, appliance, options), options),
      );
      await stopped;
    } finally {
      for (const server of servers) await server.stop();
      await serving.stop();
    }
  } finally {
    await appliance.close();
  }
}

/** The API's TCP listener; when it cannot be had the socket still serves the commands. */
function listenApi(
  { http }: ServerOptions,
  { events, keys }: Appliance,
  context: Parameters<typeof createApi>[0],
): ApiServer | undefined {
  try {
    return listenTcp(createApi(context, { keys: isLoopback(http.hostname) ? undefined : keys }), http);
  } catch (error) {
    const problem: ApplianceError = explainBindError(error, {
      service: "The API",
      protocol: "tcp",
      port: http.port,
      flag: "--http",
    });
    events.emit({ stage: "server", state: "fail", detail: problem.message, fix: problem.fix ?? null });
    return undefined;
  }
}

function isLoopback(hostname: string): boolean {
  return hostname === "localhost" || hostname === "::1" || hostname.startsWith("127.");
}

/** The address to type on another computer: a listener on every address has none of its own. */
function outwardUrl(url: string, { interfaces }: Serving): string {
  const { hostname, port } = new URL(url);
  const everywhere = hostname === "0.0.0.0" || hostname === "[::]";
  return everywhere ? `http://${outwardAddress(localAddresses(interfaces))}:${port}` : url;
}

/** Where the page is; where it is open to the network, the link that lets the first browser in. */
function pageWords(url: string | undefined, { keys }: Appliance, { http }: ServerOptions): string {
  if (url === undefined) return NOT_SERVED;
  if (isLoopback(http.hostname)) return url;
  return `${url}${LOGIN_PATH}?token=${keys.createLink()}   (opens once, within a quarter of an hour)`;
}

function readyDocument(serving: Serving, api: ApiServer | undefined) {
  return {
    http: api?.url ?? null,
    iscsi: at(serving.iscsi) ?? null,
    tftp: at(serving.tftp) ?? null,
    dhcp: { mode: serving.dhcp.mode, interfaces: serving.dhcp.interfaces() },
    report: at(serving.report) ?? null,
    shim: serving.shim().state,
  };
}

function readyWords(serving: Serving, page: string, { dataFolder }: ServerOptions): string {
  const { mode } = serving.dhcp;
  const where = mode === "off" ? "" : ` on ${serving.dhcp.interfaces().join(", ") || "no interface yet"}`;
  return `pinetboot ${VERSION} is ready
  page     ${page}
  iSCSI    ${at(serving.iscsi) ?? NOT_SERVED}
  DHCP     ${mode}${where}
  TFTP     ${at(serving.tftp) ?? NOT_SERVED}
  shim     ${serving.shim().state}
  data     ${dataFolder}
${page === NOT_SERVED ? "Try" : "Open the page, or try"}: ${typedCommand()} session create --image blank --size 1G`;
}

function at(endpoint: Serving["iscsi"]): string | undefined {
  return endpoint && `${endpoint.address}:${endpoint.port}`;
}

/** A fault of ours in one place must not end the disks of everybody else: it is told, and the server goes on. */
function outliveFaults({ events }: Appliance): void {
  const tell = (error: unknown): void => {
    const words = error instanceof Error ? (error.stack ?? error.message) : String(error);
    events.emit({ stage: "server", state: "fail", detail: `A fault of pinetboot: ${words}` });
  };
  process.on("uncaughtException", tell);
  process.on("unhandledRejection", tell);
}

function untilSignal(): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => resolve());
  return promise;
}
