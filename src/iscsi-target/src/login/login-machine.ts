/**
 * The login phase of one connection, RFC 7143 section 6.3, without any I/O: requests in, steps out.
 *
 *   security (0) --T, NSG=1--> operational (1) --T, NSG=3--> full feature (3)
 *        \----------------------T, NSG=3------------------------/
 *
 * The initiator chooses where it begins (security or operational) and asks for each transition; the answer grants it
 * once the stage's business is done. Nothing is open, and no session of anybody is touched, before `complete`.
 */
import { LoginReject, type Target, type TargetDirectory } from "../directory.ts";
import { type LoginRequest, STAGE, decodeLoginRequest, encodeLoginResponse } from "../pdu/login.ts";
import { ProtocolError } from "../wire/bytes.ts";
import { Authentication, type Demand } from "./authentication.ts";
import { OUR_MAX_RECV_DATA_BYTES, type Parameters, defaultParameters } from "./key-rows.ts";
import { checkBursts, negotiateKey } from "./negotiate.ts";
import { portalOf } from "./portal.ts";
import { printable } from "./printable.ts";
import { LOGIN_STATUS, type LoginStatus } from "./status.ts";
import { MAX_TEXT_BYTES, type TextKey, decodeTextKeys, encodeTextKeys } from "./text-keys.ts";

/** Two stages of a few exchanges each; an initiator that needs more is not getting anywhere. */
const MAX_LOGIN_REQUESTS = 32;
/** Commands that an initiator may have outstanding; open-iscsi's own limit is 128. */
export const COMMAND_WINDOW = 128;
/** There is one portal group: every portal leads to the same sessions. */
export const PORTAL_GROUP_TAG = 1;

export interface LoginReply {
  readonly header: Uint8Array;
  readonly data: Uint8Array;
}

/** What a login has established when it asks for the full feature phase. */
export interface CompletedLogin {
  /** Undefined in a discovery session. */
  readonly target: Target | undefined;
  readonly initiatorName: string;
  readonly isid: string;
  /** Zero unless the initiator claims to belong to a session that exists. */
  readonly tsih: number;
  readonly cid: number;
  readonly chapUser: string | undefined;
  readonly parameters: Parameters;
  /** CmdSN of the first command to come. */
  readonly cmdSn: number;
  /** StatSN of the response after the last login response. */
  readonly nextStatSn: number;
  /** The response that opens the full feature phase. */
  accept(tsih: number): LoginReply;
  /** The response that refuses after all, when the session cannot be opened. */
  refuse(status: LoginStatus): LoginReply;
}

export type LoginStep =
  | { readonly kind: "reply"; readonly reply: LoginReply }
  | { readonly kind: "complete"; readonly login: CompletedLogin }
  /** The same as `fail`, but nothing is wrong: the owner wants the initiator elsewhere. */
  | { readonly kind: "redirect"; readonly reply: LoginReply }
  /** The reply is sent, then the connection is closed. */
  | {
      readonly kind: "fail";
      readonly reply: LoginReply;
      readonly status: LoginStatus;
      readonly reason: string;
    };

export interface LoginSurroundings {
  readonly directory: TargetDirectory;
  readonly randomBytes: (count: number) => Uint8Array;
}

/** Ends the login from wherever it has come to. */
class Redirection {
  readonly portal: string;

  constructor(portal: string) {
    this.portal = portal;
  }
}

export class LoginMachine {
  readonly #around: LoginSurroundings;
  readonly #parameters = defaultParameters();
  #requests = 0;
  #first: LoginRequest | undefined;
  #stage: number = STAGE.security;
  #statSn = 0;
  #text: Uint8Array[] = [];
  #textBytes = 0;
  #named = false;
  #discovery = false;
  #target: Target | undefined;
  #authentication: Authentication | undefined;
  #declaredOurs = false;
  #offeredFirstBurst = false;
  readonly #negotiated = new Set<string>();

  constructor(around: LoginSurroundings) {
    this.#around = around;
  }

  /** What the peer has called itself and asked for so far, for messages. */
  get initiatorName(): string | undefined {
    return told(this.#parameters.InitiatorName);
  }

  get targetName(): string | undefined {
    return told(this.#parameters.TargetName);
  }

  /** Takes one Login Request (BHS and data segment). */
  receive(header: Uint8Array, data: Uint8Array): LoginStep {
    const request = decodeLoginRequest(header);
    if (!this.#first) this.#statSn = request.expStatSn;
    try {
      return this.#take(request, data);
    } catch (error) {
      if (error instanceof Redirection) return this.#redirect(request, error.portal);
      if (error instanceof LoginReject) return this.#fail(request, error.status, error.message);
      if (error instanceof ProtocolError)
        return this.#fail(
          request,
          "initiatorError",
          `The initiator broke the login rules: ${error.message}.`,
        );
      throw error;
    }
  }

  #take(request: LoginRequest, data: Uint8Array): LoginStep {
    this.#checkRequest(request);
    this.#text.push(data.slice());
    this.#textBytes += data.length;
    if (this.#textBytes > MAX_TEXT_BYTES) throw new ProtocolError("the keys of one exchange are too long");
    if (request.continues) {
      if (request.transit) throw new ProtocolError("T and C are both set");
      return { kind: "reply", reply: this.#reply(request, [], false) };
    }
    const keys = decodeTextKeys(Buffer.concat(this.#text));
    this.#text = [];
    this.#textBytes = 0;
    const answers = this.#answer(keys);
    const transit = request.transit && (this.#stage !== STAGE.security || this.#auth.isProved);
    if (!transit) return { kind: "reply", reply: this.#reply(request, answers, false) };
    if (request.nextStage === STAGE.fullFeature) return this.#complete(request, answers);
    const reply = this.#reply(request, answers, true);
    this.#stage = request.nextStage;
    return { kind: "reply", reply };
  }

  #checkRequest(request: LoginRequest): void {
    if (++this.#requests > MAX_LOGIN_REQUESTS) throw new ProtocolError("it takes too many requests");
    if (request.versionMin > 0)
      throw new LoginReject("unsupportedVersion", "The initiator speaks no version of iSCSI known here.");
    const first = (this.#first ??= request);
    if (first === request) this.#stage = request.currentStage;
    const sameLogin = request.isid === first.isid && request.tsih === first.tsih && request.cid === first.cid;
    if (!sameLogin) throw new ProtocolError("ISID, TSIH or CID changed");
    if (request.currentStage !== this.#stage || this.#stage > STAGE.operational)
      throw new ProtocolError(`stage ${request.currentStage} where stage ${this.#stage} is current`);
    const forward = request.nextStage === STAGE.operational || request.nextStage === STAGE.fullFeature;
    if (request.transit && (!forward || request.nextStage <= request.currentStage))
      throw new ProtocolError(`a transition from stage ${request.currentStage} to ${request.nextStage}`);
  }

  #answer(keys: readonly TextKey[]): TextKey[] {
    const answers: TextKey[] = [];
    const authKeys = new Map<string, string>();
    for (const [key, offer] of keys) {
      if (Authentication.owns(key)) authKeys.set(key, offer);
      if (key === "FirstBurstLength") this.#offeredFirstBurst = true;
    }
    const firstRequest = !this.#named;
    // The session's type decides what is relevant, wherever in the list it stands.
    if (firstRequest)
      this.#discovery = keys.some(([key, offer]) => key === "SessionType" && offer === "Discovery");
    const phase = this.#stage === STAGE.security ? "security" : "operational";
    const context = { discovery: this.#discovery, phase, firstRequest } as const;
    for (const [key, offer] of keys) {
      if (Authentication.owns(key)) continue;
      // Section 6.3: a second time within one login is an error, however far apart.
      if (this.#negotiated.has(key)) throw new ProtocolError(`${key} is negotiated twice`);
      this.#negotiated.add(key);
      const answer = negotiateKey(key, offer, this.#parameters, context);
      if (answer !== undefined) answers.push([key, answer]);
    }
    if (firstRequest) answers.push(...this.#identify());
    checkBursts(this.#parameters, this.#offeredFirstBurst);
    if (this.#stage === STAGE.security) return [...this.#auth.answer(authKeys), ...answers];
    if (authKeys.size > 0) throw new ProtocolError("authentication keys in the operational stage");
    if (!this.#declaredOurs) {
      this.#declaredOurs = true;
      answers.push(["MaxRecvDataSegmentLength", String(OUR_MAX_RECV_DATA_BYTES)]);
    }
    return answers;
  }

  /** Names and session type, once the first request is whole. */
  #identify(): TextKey[] {
    const {
      InitiatorName: initiator,
      TargetName: targetName,
      SessionType: type = "Normal",
    } = this.#parameters;
    if (initiator === undefined || initiator === "")
      throw new LoginReject("missingParameter", "The initiator did not tell its InitiatorName.");
    if (!/^[^\s\p{Cc}\p{Bidi_Control}]+$/u.test(initiator))
      throw new ProtocolError("InitiatorName is not a name");
    if (type !== "Normal" && type !== "Discovery")
      throw new LoginReject("sessionTypeNotSupported", "The session type is neither Normal nor Discovery.");
    if (!this.#discovery) {
      if (targetName === undefined)
        throw new LoginReject("missingParameter", "The initiator named no target.");
      this.#target = this.#around.directory.find(targetName.toLowerCase());
      if (!this.#target) throw new LoginReject("notFound", "There is no target of that name.");
      const { redirect } = this.#target;
      // oxlint-disable-next-line typescript/only-throw-error -- no error: it ends the login as one does
      if (redirect) throw new Redirection(portalOf(redirect.address, redirect.port));
    }
    this.#named = true;
    this.#authentication = new Authentication(this.#demand(), this.#around.randomBytes);
    if (this.#stage === STAGE.operational && !this.#auth.isProved)
      throw new LoginReject(
        "authenticationFailure",
        "The target wants a CHAP login, the initiator skipped it.",
      );
    return this.#discovery ? [] : [["TargetPortalGroupTag", String(PORTAL_GROUP_TAG)]];
  }

  #demand(): Demand {
    if (!this.#target) {
      const { directory } = this.#around;
      return {
        kind: "either",
        secretOf: (user) => directory.chapSecret(user),
        mutualOf: (user) => directory.chapMutual?.(user),
      };
    }
    const { auth } = this.#target;
    return auth === "none" ? { kind: "none" } : { kind: "chap", login: auth };
  }

  get #auth(): Authentication {
    if (!this.#authentication) throw new ProtocolError("nothing was named");
    return this.#authentication;
  }

  #complete(request: LoginRequest, answers: readonly TextKey[]): LoginStep {
    const statSn = this.#statSn;
    const login: CompletedLogin = {
      target: this.#target,
      initiatorName: this.#parameters.InitiatorName ?? "",
      isid: request.isid,
      tsih: request.tsih,
      cid: request.cid,
      chapUser: this.#auth.user,
      parameters: this.#parameters,
      cmdSn: request.cmdSn,
      nextStatSn: (statSn + 1) >>> 0,
      accept: (tsih) => this.#reply(request, answers, true, { tsih }),
      refuse: (status) => this.#reply(request, [], false, { status }),
    };
    return { kind: "complete", login };
  }

  /** Section 13.8: here, and only here, TargetAddress comes without a portal group tag. */
  #redirect(request: LoginRequest, portal: string): LoginStep {
    const reply = this.#reply(request, [["TargetAddress", portal]], false, { status: "movedTemporarily" });
    return { kind: "redirect", reply };
  }

  #fail(request: LoginRequest, status: LoginStatus, reason: string): LoginStep {
    const reply = this.#reply(request, [], false, { status });
    return { kind: "fail", reply, status, reason: printable(reason) };
  }

  #reply(
    request: LoginRequest,
    answers: readonly TextKey[],
    transit: boolean,
    { tsih = request.tsih, status = "success" }: { tsih?: number; status?: keyof typeof LOGIN_STATUS } = {},
  ): LoginReply {
    const data = encodeTextKeys(answers);
    const statSn = this.#statSn;
    this.#statSn = (statSn + 1) >>> 0;
    const header = encodeLoginResponse({
      transit,
      continues: false,
      currentStage: request.currentStage,
      nextStage: transit ? request.nextStage : 0,
      isid: request.isid,
      tsih,
      taskTag: request.taskTag,
      statSn,
      expCmdSn: request.cmdSn,
      maxCmdSn: (request.cmdSn + COMMAND_WINDOW - 1) >>> 0,
      status: LOGIN_STATUS[status],
      dataLength: data.length,
    });
    return { header, data };
  }
}

function told(name: string | undefined): string | undefined {
  return name === undefined ? undefined : printable(name);
}
