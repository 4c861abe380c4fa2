/** Carries out the plan of a task whose data is there, and answers. */
import type { Parameters } from "../login/key-rows.ts";
import { residualOf } from "../pdu/scsi-response.ts";
import type { UnitSet } from "../scsi/execute.ts";
import type { Plan } from "../scsi/plan.ts";
import { scsiResponse } from "./answers.ts";
import { DataInTransfer } from "./data-in-transfer.ts";
import { type DataSource, deviceSource, parameterSource } from "./data-source.ts";
import { answerTo } from "./task-answer.ts";
import { type Task, unitOf } from "./task.ts";
import type { TaskSetHost } from "./task-set-host.ts";

export class PlanRunner {
  readonly #host: TaskSetHost;
  readonly #parameters: Parameters;
  readonly #units: UnitSet;
  /** Its status has been laid: the task is over. */
  readonly #forget: (task: Task) => void;
  readonly #ahead = { bytes: 0, fetches: 0 };

  constructor(host: TaskSetHost, parameters: Parameters, units: UnitSet, forget: (task: Task) => void) {
    this.#host = host;
    this.#parameters = parameters;
    this.#units = units;
    this.#forget = forget;
  }

  /** All data of the initiator is there (or there is none): do what is left and answer. */
  run(task: Task): void {
    const { plan } = task;
    if (task.failure || !plan) {
      this.#respond(task);
      return;
    }
    switch (plan.kind) {
      case "done":
        this.#respond(task);
        return;
      case "data":
        this.#sendData(task, parameterSource(plan.bytes));
        return;
      case "read":
        this.#sendData(task, deviceSource(unitOf(task, this.#units), plan.offset));
        return;
      case "write":
        if (plan.flush) this.#later(task, () => unitOf(task, this.#units).device.flush());
        else if (this.#host.dirty.isSpent) this.#later(task, () => this.#host.dirty.relief());
        else this.#respond(task);
        return;
      case "parameters":
        this.#act(task, plan.act);
        return;
      case "later":
        this.#later(task, async () => this.#continueWith(task, await plan.work()));
        return;
    }
  }

  #act(task: Task, act: (list: Uint8Array) => Plan | Promise<Plan>): void {
    try {
      const next = act(task.gathered ?? new Uint8Array(0));
      if (next instanceof Promise) this.#later(task, async () => this.#continueWith(task, await next));
      else {
        this.#continueWith(task, next);
        this.run(task);
      }
    } catch (error) {
      task.fail(error, "write");
      this.#respond(task);
    }
  }

  #continueWith(task: Task, plan: Plan): void {
    task.plan = plan;
    if (plan.kind === "read") task.dueIn = plan.length;
    if (plan.kind === "data") task.dueIn = plan.bytes.length;
  }

  /** Waits for work, then answers, or goes on with the plan that the work has set. */
  #later(task: Task, work: () => Promise<void>): void {
    const before = task.plan;
    const settle = async (): Promise<void> => {
      try {
        await work();
      } catch (error) {
        task.fail(error, "write");
      }
      if (task.aborted) return;
      if (task.failure || task.plan === before) this.#respond(task);
      else this.run(task);
    };
    this.#host.track(settle());
  }

  #sendData(task: Task, source: DataSource): void {
    const length = Math.min(task.dueIn, task.room);
    if (length === 0) {
      this.#respond(task);
      return;
    }
    const { MaxRecvDataSegmentLength: maxDataBytes, MaxBurstLength: maxBurst } = this.#parameters;
    const isBidirectional = task.command.read && task.command.write;
    const transfer = new DataInTransfer({
      task,
      source,
      length,
      // Data-In has no field for the residual of a bidirectional command's write half.
      residual: isBidirectional ? undefined : residualOf(task.command.expectedLength, task.dueIn),
      terms: { maxDataBytes, maxBurst },
      host: {
        nextStatSn: () => this.#host.nextStatSn(),
        window: () => this.#host.window(),
        track: (work) => this.#host.track(work),
        ahead: this.#ahead,
        finished: (task, collapsed) => {
          if (task.plan?.kind === "read") this.#host.countRead(length);
          if (collapsed) this.#forget(task);
          else this.#respond(task);
        },
        failed: (task, error) => {
          task.fail(error, "read");
          this.#respond(task);
        },
      },
    });
    this.#host.send(transfer);
  }

  #respond(task: Task): void {
    if (task.aborted) return;
    const unit = this.#units.units.get(task.command.lun);
    const answer = answerTo(task, unit?.shared.mode.descriptorSense ?? false);
    const hooks = { isAborted: () => task.aborted, laid: () => this.#forget(task) };
    this.#host.send(scsiResponse(this.#host, answer, hooks));
  }
}
