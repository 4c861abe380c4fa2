/**
 * The login machine, request by request: each answer is held against the request, the outcome against section 13 and
 * against who has proved what. An input is a byte of circumstances, then Login Requests.
 */
import { createHash } from "node:crypto";
import {
  type CompletedLogin,
  LoginMachine,
  type LoginReply,
  type LoginStep,
} from "../../../src/iscsi-target/src/login/login-machine.ts";
import { LOGIN_STATUS } from "../../../src/iscsi-target/src/login/status.ts";
import {
  type LoginRequest,
  decodeLoginRequest,
  decodeLoginResponse,
} from "../../../src/iscsi-target/src/pdu/login.ts";
import { type FuzzTarget, readCorpus } from "../../support/fuzz/engine.ts";
import { RULES, faultOfAnswer, mutateText, plainKeys } from "./key-text.ts";
import { HEAD_BYTES, cutPdus, joinPdus, mutatePdus, piecesOf } from "./pdu-stream.ts";
import { type Door, USER, openDoor } from "./login-door.ts";

const CONFIG_BYTES = 1;
/** What an initiator takes that has not said otherwise. */
const MAX_REPLY_BYTES = 8192;
const MAX_REQUESTS = 32;
const MAX_WORDS = 500;
const MAX_TEXT_BYTES = 16 * 1024;
/** The corpus writes this where the right answer to the challenge belongs. */
const RIGHT = "CHAP_R=RIGHT";
const HASHES: Record<string, string> = { "5": "md5", "6": "sha1", "7": "sha256", "8": "sha3-256" };

const corpus = readCorpus(`${import.meta.dir}/corpus/login`);
const others = corpus.flatMap((input) => cutPdus(input.subarray(CONFIG_BYTES)).pdus);

export const loginTarget: FuzzTarget = {
  name: "login",
  corpus,
  pieces: (input) => piecesOf(input, CONFIG_BYTES),
  mutate(input, random) {
    const { pdus } = cutPdus(input.subarray(CONFIG_BYTES));
    const changed = mutatePdus(pdus, random, others, random.chance(80) ? mutateText : undefined);
    return Buffer.concat([input.subarray(0, CONFIG_BYTES), joinPdus(changed)]);
  },
  check(input) {
    const first = new Conversation(openDoor(input[0] ?? 0));
    const second = new Conversation(openDoor(input[0] ?? 0));
    const { pdus } = cutPdus(input.subarray(CONFIG_BYTES));
    for (const { head, data } of pdus) {
      const isOver = first.take(head.slice(0, HEAD_BYTES), data);
      // A machine of its own says the same, whatever the other one has been told meanwhile.
      second.take(head.slice(0, HEAD_BYTES), data);
      if (first.said !== second.said) throw new Error("two machines answer the same requests differently");
      if (isOver) break;
    }
  },
};

/** A login as its initiator sees it, with what may be expected of the next answer. */
class Conversation {
  /** Everything that was answered, for comparison. */
  said = "";
  readonly #door: Door;
  readonly #machine: LoginMachine;
  #requests = 0;
  #stage: number | undefined;
  #statSn: number | undefined;
  #text: Uint8Array[] = [];
  #isDiscovery: boolean | undefined;
  #challenge: { algorithm: string; identifier: number; bytes: Uint8Array } | undefined;
  #hasProved = false;

  constructor(door: Door) {
    this.#door = door;
    this.#machine = new LoginMachine(door);
  }

  /** Returns whether the login is over. */
  take(head: Uint8Array, given: Uint8Array): boolean {
    const data = this.#answerChallenge(given);
    const request = decodeLoginRequest(head);
    this.#requests++;
    this.#stage ??= request.currentStage;
    const step = this.#machine.receive(head, data);
    this.#text.push(data);
    this.said += `${step.kind} ${repliesOf(step)
      .map(({ header, data }) => header.toHex() + data.toHex())
      .join()}\n`;
    if (step.kind === "fail") checkForPeople(step.reason);
    checkForPeople(this.#machine.initiatorName ?? "");
    checkForPeople(this.#machine.targetName ?? "");
    if (step.kind === "fail" || step.kind === "redirect") {
      this.#checkReply(request, step.reply, step.kind === "fail" ? LOGIN_STATUS[step.status] : 0x0101);
      return true;
    }
    this.#checkLawful(request);
    if (request.continues) {
      const { data: answer } = this.#checkReply(request, replyOf(step), 0);
      if (answer.length > 0) throw new Error("an unfinished text is answered");
      return false;
    }
    const offers = plainKeys(Buffer.concat(this.#text));
    this.#text = [];
    if (!offers) throw new Error("keys that cannot be read are taken");
    this.#isDiscovery ??= offers.some(([key, value]) => key === "SessionType" && value === "Discovery");
    this.#noteProof(new Map(offers));
    if (step.kind === "complete") {
      this.#checkOutcome(request, step.login);
      this.#checkAnswers(offers, new Map(plainKeys(step.login.accept(7).data)));
      return true;
    }
    const { header, data: answer } = this.#checkReply(request, replyOf(step), 0);
    const answers = new Map(plainKeys(answer));
    this.#checkAnswers(offers, answers);
    this.#noteChallenge(answers);
    const { transit, nextStage } = decodeLoginResponse(header);
    if (transit) {
      if (!request.transit || nextStage === 3) throw new Error("a transition that was not asked for");
      this.#stage = nextStage;
    }
    return false;
  }

  /** What every request has to be, or else the machine must not have taken it. */
  #checkLawful(request: LoginRequest): void {
    if (this.#requests > MAX_REQUESTS) throw new Error("more than 32 requests");
    if (this.#text.reduce((sum, { length }) => sum + length, 0) > MAX_TEXT_BYTES)
      throw new Error("more than 16 KiB of text");
    if (request.currentStage !== this.#stage) throw new Error("the wrong stage is taken");
    if (request.continues && request.transit) throw new Error("T and C together are taken");
    if (request.versionMin > 0) throw new Error("a version that nobody knows is taken");
  }

  #checkReply(request: LoginRequest, { header, data }: LoginReply, status: number): LoginReply {
    if (header.length !== HEAD_BYTES || header[0] !== 0x23) throw new Error("no Login Response");
    if (data.length > MAX_REPLY_BYTES) throw new Error(`an answer of ${data.length} bytes`);
    const reply = decodeLoginResponse(header);
    const said: Record<string, unknown> = { ...reply };
    this.#statSn ??= request.expStatSn;
    const want = {
      isid: request.isid,
      taskTag: request.taskTag,
      currentStage: request.currentStage,
      statSn: this.#statSn,
      expCmdSn: request.cmdSn,
      maxCmdSn: (request.cmdSn + 127) >>> 0,
      status,
      dataLength: data.length,
      continues: false,
    };
    for (const [field, value] of Object.entries(want))
      if (said[field] !== value)
        throw new Error(`${field} of the answer is ${String(said[field])}, not ${value}`);
    if (reply.nextStage !== (reply.transit ? request.nextStage : 0))
      throw new Error("the next stage is wrong");
    if (!plainKeys(data)) throw new Error("the answer's keys cannot be read");
    this.#statSn = (this.#statSn + 1) >>> 0;
    return { header, data };
  }

  #checkAnswers(offers: readonly [string, string][], answers: ReadonlyMap<string, string>): void {
    for (const [key, offer] of offers) {
      if (!RULES.has(key) || key === "MaxRecvDataSegmentLength") continue;
      const answer = answers.get(key);
      if (this.#isDiscovery && answer === "Irrelevant") continue;
      const fault = faultOfAnswer(key, offer, answer);
      if (fault !== undefined) throw new Error(`${key}=${offer} is answered ${answer}: ${fault}`);
    }
    const own = /^(?:AuthMethod|CHAP_[AICNR]|TargetPortalGroupTag|MaxRecvDataSegmentLength)$/;
    for (const key of answers.keys())
      if (!own.test(key) && !offers.some(([offered]) => offered === key))
        throw new Error(`${key} is answered and was not offered`);
  }

  #checkOutcome(request: LoginRequest, login: CompletedLogin): void {
    if (!request.transit || request.nextStage !== 3) throw new Error("full feature phase, not asked for");
    if (login.initiatorName === "" || /\s/.test(login.initiatorName))
      throw new Error("an initiator without a name");
    if (this.#door.wantsProof && !this.#hasProved && !this.#isDiscovery)
      throw new Error("logged in without a proof");
    if (login.chapUser !== undefined && !this.#hasProved)
      throw new Error("a user that has not proved itself");
    if ((login.target === undefined) !== this.#isDiscovery) throw new Error("no target, and no discovery");
    const values: Record<string, unknown> = { ...login.parameters };
    for (const [key, rule] of RULES) {
      const value = values[key];
      const isRight =
        "range" in rule
          ? typeof value === "number" && value >= rule.range[0] && value <= rule.range[1]
          : "names" in rule
            ? rule.names.includes(String(value))
            : typeof value === "boolean";
      if (!isRight) throw new Error(`${key} has come out as ${String(value)}`);
    }
    const { FirstBurstLength, MaxBurstLength } = login.parameters;
    if (FirstBurstLength > MaxBurstLength) throw new Error("FirstBurstLength is larger than MaxBurstLength");
    const { header } = this.#checkReply(request, login.accept(7), 0);
    const { tsih, transit, nextStage } = decodeLoginResponse(header);
    if (tsih !== 7 || !transit || nextStage !== 3) throw new Error("the last answer opens nothing");
  }

  #noteChallenge(answers: ReadonlyMap<string, string>): void {
    const algorithm = answers.get("CHAP_A");
    if (algorithm === undefined) return;
    const bytes = Uint8Array.fromHex((answers.get("CHAP_C") ?? "").slice(2));
    if (bytes.length < 16) throw new Error("the challenge is too short");
    this.#challenge = { algorithm, identifier: Number(answers.get("CHAP_I")), bytes };
  }

  #rightAnswer(): string | undefined {
    if (!this.#challenge) return undefined;
    const { algorithm, identifier, bytes } = this.#challenge;
    return createHash(HASHES[algorithm] ?? "")
      .update(Uint8Array.of(identifier))
      .update(USER.secret)
      .update(bytes)
      .digest("hex");
  }

  #answerChallenge(data: Uint8Array): Uint8Array {
    const text = Buffer.from(data).toString("latin1");
    if (!text.includes(RIGHT)) return data;
    return Uint8Array.from(
      Buffer.from(text.replace(RIGHT, `CHAP_R=0x${this.#rightAnswer() ?? "00"}`), "latin1"),
    );
  }

  #noteProof(offers: ReadonlyMap<string, string>): void {
    const proof = offers.get("CHAP_R")?.toLowerCase();
    const right = this.#rightAnswer();
    if (right === undefined || proof === undefined || offers.get("CHAP_N") !== USER.user) return;
    const given = proof.startsWith("0b")
      ? Buffer.from(offers.get("CHAP_R")?.slice(2) ?? "", "base64").toString("hex")
      : proof.slice(2);
    if (given === right) this.#hasProved = true;
  }
}

/** What goes into events: a terminal must not be steered by it, nor a log be filled. */
function checkForPeople(words: string): void {
  // oxlint-disable-next-line no-control-regex -- they are what is looked for
  if (/[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/.test(words) || words.length > MAX_WORDS)
    throw new Error(`it tells people ${JSON.stringify(words.slice(0, MAX_WORDS + 1))}`);
}

function replyOf(step: LoginStep): LoginReply {
  if (step.kind === "complete") throw new Error("complete in the middle of a text");
  return step.reply;
}

function repliesOf(step: LoginStep): LoginReply[] {
  return step.kind === "complete" ? [] : [step.reply];
}
