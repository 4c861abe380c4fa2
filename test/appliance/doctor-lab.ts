/** A laptop in a network of its own, for the doctor to look at. */
import { join } from "node:path";
import { z } from "zod";
import { type Host, Lab } from "../sim/net/lab.ts";
import { type ServerOptions, SOURCE, TestServer, temporaryFolder } from "../support/pinetboot.ts";

const Findings = z.array(
  z.object({ check: z.string(), level: z.string(), detail: z.string(), fix: z.string().nullable() }),
);

export interface Examined {
  /** "check level" of each finding that is not well. */
  readonly wrong: readonly string[];
  /** The words of all. */
  readonly words: string;
}

export class DoctorLab {
  readonly lab = new Lab("doctor");
  readonly folder = temporaryFolder("doctor");
  readonly data = join(this.folder.path, "data");
  readonly host: Host = this.lab.addHost("laptop", { address: "10.0.0.2/24" });
  #server: TestServer | undefined;

  /** Starts a server there; `how` is what it runs in. */
  async serve(flags: readonly string[], how: Pick<ServerOptions, "run" | "env"> = {}): Promise<TestServer> {
    this.#server = await TestServer.start({
      ...how,
      data: this.data,
      run: [...this.host.run, ...(how.run ?? [])],
      flags: ["--http", "127.0.0.1:0", "--no-shim-build", ...flags],
    });
    return this.#server;
  }

  /** Asks the server's API by its socket, which is reached from every network. */
  async get<T>(path: string, schema: z.ZodType<T>): Promise<T> {
    const answer = await fetch(`http://localhost${path}`, { unix: join(this.data, "pinetboot.sock") });
    return schema.parse(await answer.json());
  }

  /** What the doctor finds. */
  async examine(): Promise<Examined> {
    return examined(await this.get("/api/doctor", Findings));
  }

  /** The command line of a command beside the server. */
  command(...words: string[]): readonly string[] {
    return [...this.host.run, ...SOURCE, ...words, "--data", this.data];
  }

  async dispose(): Promise<void> {
    await this.#server?.stop("SIGKILL");
    await this.lab.dispose();
    this.folder.dispose();
  }
}

/** Of the document that the command prints, too. */
export function examined(document: unknown): Examined {
  const findings = Findings.parse(document);
  return {
    wrong: findings.filter(({ level }) => level !== "ok").map(({ check, level }) => `${check} ${level}`),
    words: findings.map(({ detail, fix }) => `${detail} ${fix ?? ""}`).join("\n"),
  };
}
