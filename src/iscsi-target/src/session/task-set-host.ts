import type { Numbers } from "./answers.ts";
import type { DirtyBudget } from "./dirty-budget.ts";
import type { Outgoing } from "./outbox.ts";
import type { Task } from "./task.ts";

/** What the tasks of a session ask of it. */
export interface TaskSetHost extends Numbers {
  send(outgoing: Outgoing): void;
  /** Counts device work until it is settled, and has the outbox looked at again then. */
  track(work: Promise<void>): void;
  /** A numbered command has been answered: the window opens by one. */
  release(task: Task): void;
  countRead(bytes: number): void;
  countWritten(bytes: number): void;
  readonly dirty: DirtyBudget;
}
