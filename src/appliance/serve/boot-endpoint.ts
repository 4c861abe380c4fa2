/**
 * The boot endpoint: what a shim asks and tells over HTTP on the LAN, and nothing else.
 *
 *   GET  /v1/parameters?serial=&mac=&boot=&model=&seen=   held while nobody has chosen, at most 25 s, and not at all
 *                                                         while the Pi's screen (seen) says something else
 *   GET  /v1/modules/NAME   the module pack of the shim's kernel
 *   POST /v1/report  (form: serial mac boot stage state detail fix)   -> 204
 *   POST /v1/console?serial=&mac=&boot=  (text: what came on its console since)   -> 204
 *   POST /v1/bootloader  (form: serial mac boot written config)   -> 204
 */
import { hostname as computerName } from "node:os";
import {
  type Caller,
  BODY_MAX_BYTES,
  CONSOLE_BODY_MAX_BYTES,
  parseBootloader,
  parseCaller,
  parseReport,
} from "../boot/requests.ts";
import type { PiOrders } from "../boot/orders.ts";
import type { Director } from "../boot/director.ts";
import type { WaitingRoom } from "../boot/hold.ts";
import { type BootParameters, type IscsiParameters, renderParameters } from "../boot/parameters.ts";
import type { ShimBundle } from "../../shim/index.ts";
import { RateLimit } from "../boot/rate.ts";
import { whereToChoose } from "../boot/where-to-choose.ts";
import { type Assignment, piCode, type PiRecord } from "../pis/record.ts";
import type { BootPlan } from "../decide.ts";
import { toApplianceError } from "../errors-of-floors.ts";
import type { Consoles } from "../consoles.ts";
import type { EepromService } from "../eeprom/service.ts";
import type { EventLog } from "../events.ts";
import { piInitiatorName } from "../ids.ts";
import {
  addressFacing,
  isLocalAddress,
  localAddresses,
  outwardAddress,
  plainAddress,
} from "../net/addresses.ts";
import type { SessionService } from "../sessions/service.ts";
import type { UnansweredLog } from "../unanswered.ts";

/** Shorter than the time after which busybox's wget and the NATs of this world lose patience. */
const HOLD_MS = 25_000;
/** A shim reports some ten steps a boot, and progress twice a second at most. */
const REPORTS_BURST = 50;
const REPORTS_PER_SECOND = 5;
/** A shim that gets its network late has the kernel's log so far to send; then it sends once a second at most. */
const CONSOLES_BURST = 30;
const CONSOLES_PER_SECOND = 2;
/** Path of the module pack, before its name. */
const MODULES = "/v1/modules/";

export interface BootEndpointOptions {
  readonly hostname: string;
  readonly port: number;
  /** Names of the interfaces whose networks are answered; none for every one. */
  readonly interfaces: readonly string[];
  readonly director: Director;
  readonly sessions: SessionService;
  readonly events: EventLog;
  readonly unanswered: UnansweredLog;
  readonly eeprom: EepromService;
  readonly waiting: WaitingRoom;
  /** The page as other machines see it; undefined while it is not served. */
  readonly pageUrl: () => string | undefined;
  readonly orders: PiOrders;
  readonly consoles: Consoles;
  readonly shim: () => ShimBundle | undefined;
  /** The iSCSI server's real port; undefined while it is not served. */
  readonly iscsiPort: () => number | undefined;
  /** What a person calls that image (by its id). */
  readonly imageName: (id: string) => string;
}

export interface BootEndpoint {
  readonly address: string;
  readonly port: number;
  stop(): Promise<void>;
}

/** Listens; throws the system's error when it cannot. */
export function startBootEndpoint(options: BootEndpointOptions): BootEndpoint {
  const reports = new RateLimit(REPORTS_BURST, REPORTS_PER_SECOND);
  const consoles = new RateLimit(CONSOLES_BURST, CONSOLES_PER_SECOND);
  const server = Bun.serve({
    hostname: options.hostname,
    port: options.port,
    // Longer than a held request; a peer that sends nothing goes after it.
    idleTimeout: 60,
    maxRequestBodySize: CONSOLE_BODY_MAX_BYTES,
    async fetch(request, server) {
      const remote = plainAddress(server.requestIP(request)?.address ?? "");
      const url = new URL(request.url);
      // A Pi's login is told here: only to the networks that the person chose.
      if (options.interfaces.length > 0 && !addressFacing(remote, localAddresses(options.interfaces))) {
        options.unanswered.note({
          service: "boot endpoint",
          who: remote,
          reason: `it is on none of the networks of ${options.interfaces.join(", ")}`,
          fix: "Serve its interface too: --interface NAME.",
        });
        return new Response("not for this network\n", { status: 403 });
      }
      if (request.method === "GET" && url.pathname === "/v1/parameters")
        return giveParameters(options, request, url, remote);
      if (request.method === "GET" && url.pathname.startsWith(MODULES))
        return giveModules(options.shim(), url.pathname.slice(MODULES.length));
      if (request.method === "POST" && url.pathname === "/v1/report")
        return takeReport(options, reports, request, remote);
      if (request.method === "POST" && url.pathname === "/v1/console")
        return takeConsole(options, consoles, request, url, remote);
      if (request.method === "POST" && url.pathname === "/v1/bootloader")
        return takeBootloader(options, reports, request, remote);
      return new Response("not found\n", { status: 404 });
    },
    error: () => new Response("the server failed; see its log\n", { status: 500 }),
  });
  return {
    address: server.hostname ?? options.hostname,
    port: server.port ?? options.port,
    async stop() {
      options.waiting.call();
      await server.stop(true);
    },
  };
}

/** The pack alone: the rest of the shim is for the firmware, which comes by TFTP. */
function giveModules(shim: ShimBundle | undefined, name: string): Response {
  const packs = shim?.manifest.files.filter(({ part }) => part === "modules");
  if (packs?.length === 0) return new Response("the module pack is still being built\n", { status: 503 });
  const row = packs?.find(({ path }) => path === name);
  const pack = row && shim?.file(row.path);
  if (!pack) return new Response("this server's shim has another module pack\n", { status: 404 });
  return new Response(pack.slice());
}

async function giveParameters(
  options: BootEndpointOptions,
  request: Request,
  url: URL,
  remote: string,
): Promise<Response> {
  const caller = parseCaller(url.searchParams);
  if (!caller) return new Response("serial or mac, and boot, are needed\n", { status: 400 });
  const { director, events, waiting, orders } = options;
  const { pi, plan: first } = director.directShim({ ...caller, address: remote });
  if (!pi) return text(answer("refused", wordsOfPlan(first)));
  events.emit({ pi: pi.key, stage: "parameters", state: "start", detail: `Asked from ${remote}` });
  const deadline = Date.now() + HOLD_MS;
  const seen = url.searchParams.get("seen") ?? undefined;
  let plan = first;
  const ordered = (said: BootParameters): Response => {
    const order = orders.take(pi.key);
    return text({ ...said, ...(order && { order }) });
  };
  orders.asks(pi.key);
  for (let said = ""; isWaiting(plan); plan = director.shimPlan(pi.key, remote)) {
    if (plan.message !== said)
      events.emit({
        pi: pi.key,
        stage: "parameters",
        state: "progress",
        detail: plan.message,
        fix: plan.fix,
      });
    said = plan.message;
    const left = deadline - Date.now();
    const isSeen = seen === undefined || seen === wordsOfPlan(plan);
    if (left <= 0 || !isSeen || request.signal.aborted || orders.isFor(pi.key)) {
      orders.asks(pi.key);
      return ordered(waitingAnswer(options, pi, plan));
    }
    await waiting.wait(pi.key, left, request.signal);
  }
  if (plan.kind !== "boot") {
    events.emit({ pi: pi.key, stage: "parameters", state: "fail", detail: wordsOfPlan(plan), fix: plan.fix });
    return ordered(answer("refused", `${wordsOfPlan(plan)}. ${plan.fix}`));
  }
  try {
    const chosen = { pi, caller, assignment: plan.assignment, local: reached(url, remote) };
    const ready = await readyAnswer(options, chosen);
    if (ready.state === "ready") orders.goesOn(pi.key);
    return text(ready);
  } catch (error) {
    const { message, fix } = toApplianceError(error);
    events.emit({ pi: pi.key, stage: "parameters", state: "fail", detail: message, fix: fix ?? null });
    return text(answer("refused", fix === undefined ? message : `${message}. ${fix}`));
  }
}

function waitingAnswer({ pageUrl }: BootEndpointOptions, pi: PiRecord, plan: WaitingPlan): BootParameters {
  const waiting = answer("waiting", wordsOfPlan(plan));
  return plan.kind === "ask"
    ? { ...waiting, choose: whereToChoose(pageUrl(), waiting.server, piCode(pi.key)) }
    : waiting;
}

interface Chosen {
  readonly pi: PiRecord;
  readonly caller: Caller;
  readonly assignment: Assignment;
  readonly local: string;
}

async function readyAnswer(options: BootEndpointOptions, chosen: Chosen): Promise<BootParameters> {
  const { sessions, events, iscsiPort } = options;
  const { pi, caller, assignment, local } = chosen;
  const port = iscsiPort();
  if (port === undefined) {
    const words = "The iSCSI service of this server does not run";
    events.emit({
      pi: pi.key,
      stage: "parameters",
      state: "fail",
      detail: words,
      fix: "See the server's first lines.",
    });
    return answer("refused", words);
  }
  const session = await sessions.forPi(pi.key, assignment);
  await sessions.noteBoot(session.id, caller.bootId);
  const initiator = piInitiatorName(pi.key);
  sessions.fence.refuse(session, initiator);
  const iscsi: IscsiParameters = {
    ip: local,
    port,
    target: session.iqn,
    lun: 0,
    mode: assignment.mode,
    initiator,
    username: session.chapUser,
    password: session.chapSecret,
  };
  events.emit({
    pi: pi.key,
    stage: "parameters",
    state: "ok",
    detail: `Session ${session.id} at ${local}:${port}`,
  });
  return {
    ...answer("ready", "The disk is ready"),
    iscsi,
    image: options.imageName(assignment.image),
    usbReadOnly: assignment.readOnly,
  };
}

async function takeReport(
  { director, events }: BootEndpointOptions,
  limit: RateLimit,
  request: Request,
  remote: string,
): Promise<Response> {
  if (!limit.take(remote)) return new Response("too many reports\n", { status: 429 });
  const form = await request.text();
  if (form.length > BODY_MAX_BYTES) return new Response("that is no report\n", { status: 413 });
  const words = new URLSearchParams(form);
  const caller = parseCaller(words);
  const report = parseReport(words);
  if (!caller || !report) return new Response("that is no report\n", { status: 400 });
  const { pi } = director.directShim({ ...caller, address: remote });
  if (pi) events.emit({ pi: pi.key, ...report });
  return new Response(null, { status: 204 });
}

async function takeConsole(
  { director, consoles }: BootEndpointOptions,
  limit: RateLimit,
  request: Request,
  url: URL,
  remote: string,
): Promise<Response> {
  if (!limit.take(remote)) return new Response("too much at once\n", { status: 429 });
  const caller = parseCaller(url.searchParams);
  if (!caller) return new Response("serial or mac, and boot, are needed\n", { status: 400 });
  const said = await request.text();
  const { pi } = director.directShim({ ...caller, address: remote });
  if (pi) consoles.add(pi.key, "shim", said);
  return new Response(null, { status: 204 });
}

async function takeBootloader(
  { director, eeprom }: BootEndpointOptions,
  limit: RateLimit,
  request: Request,
  remote: string,
): Promise<Response> {
  if (!limit.take(remote)) return new Response("too many reports\n", { status: 429 });
  const words = new URLSearchParams(await request.text());
  const caller = parseCaller(words);
  const bootloader = parseBootloader(words, Date.now());
  if (!caller || !bootloader) return new Response("that is no report\n", { status: 400 });
  const { pi } = director.directShim({ ...caller, address: remote });
  if (pi) eeprom.report(pi.key, bootloader);
  return new Response(null, { status: 204 });
}

type WaitingPlan = Extract<BootPlan, { kind: "ask" | "hold" }>;

function isWaiting(plan: BootPlan): plan is WaitingPlan {
  return plan.kind === "ask" || plan.kind === "hold";
}

function wordsOfPlan(plan: BootPlan): string {
  switch (plan.kind) {
    case "boot":
      return "The disk is ready";
    case "ask":
    case "hold":
      return `${plan.message}. ${plan.fix}`;
    case "refuse":
      return plan.message;
    case "ignore":
      return plan.reason;
  }
}

function answer(state: BootParameters["state"], message: string): BootParameters {
  return { state, clockSeconds: Math.floor(Date.now() / 1000), server: computerName(), message };
}

function text(parameters: BootParameters): Response {
  return new Response(renderParameters(parameters), {
    headers: { "content-type": "text/plain; charset=utf-8" },
  });
}

/** The address of ours that the Pi reached: what it wrote as the host, when that is ours; else the one facing it. */
function reached(url: URL, remote: string): string {
  return isLocalAddress(url.hostname) ? url.hostname : (addressFacing(remote) ?? outwardAddress());
}
