import type { LoginMachine, LoginStep } from "../login/login-machine.ts";
import { HEADER_BYTES, REQUEST, opcodeOf } from "../pdu/basic-header.ts";
import { ProtocolError } from "../wire/bytes.ts";
import type { PduReceiver } from "../wire/framer.ts";

/** Feeds a login machine from the framer. Until the login is over nothing but Login Requests may come, one at a time. */
export class LoginPhase implements PduReceiver {
  readonly machine: LoginMachine;
  readonly #onStep: (step: LoginStep) => void;
  #header: Uint8Array = new Uint8Array(0);
  #data: Uint8Array = new Uint8Array(0);
  #isOver = false;

  constructor(machine: LoginMachine, onStep: (step: LoginStep) => void) {
    this.machine = machine;
    this.#onStep = onStep;
  }

  onHeader(header: Uint8Array): "whole" {
    if (opcodeOf(header) !== REQUEST.login) throw new ProtocolError("no login came first");
    if (this.#isOver) throw new ProtocolError("it did not wait for the answer to its login");
    this.#header = header.slice(0, HEADER_BYTES);
    this.#data = new Uint8Array(0);
    return "whole";
  }

  onData(bytes: Uint8Array): void {
    this.#data = bytes;
  }

  onEnd(): void {
    const step = this.machine.receive(this.#header, this.#data);
    this.#isOver = step.kind !== "reply";
    this.#onStep(step);
  }

  onDataDigestError(): void {
    throw new ProtocolError("there are no digests during login");
  }
}
