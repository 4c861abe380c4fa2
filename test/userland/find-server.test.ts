import { afterEach, beforeEach, expect, test } from "bun:test";
import { describeWith } from "../support/tools.ts";
import { type ShellResult, ShimShell } from "./shim-shell.ts";

const hex = (...bytes: (number | string)[]): string =>
  Buffer.concat(
    bytes.map((each) => (typeof each === "string" ? Buffer.from(each) : Buffer.of(each))),
  ).toString("hex");

describeWith(["busybox"], "the shim's server, where the command line names none", () => {
  let shell: ShimShell;
  beforeEach(() => {
    shell = new ShimShell();
    shell.program("date", "exit 0");
    shell.program("find-servers", "exit 1");
    shell.write("keep/lease/serverid", "10.0.0.1");
  });
  afterEach(() => shell.dispose());

  /** Servers that answer the question to everybody: "ADDRESS:PORT" and name; each one's answers to the shim in turn. */
  const servers = (all: Record<string, { name: string; answers: string[] }>): void => {
    const lines = Object.entries(all).map(([at, { name }]) => `echo '${at} ${name}'`);
    shell.program("find-servers", `echo "$*" >'${shell.path("asked")}'\n${lines.join("\n")}`);
    for (const [at, { answers }] of Object.entries(all))
      for (const [index, answer] of answers.entries()) shell.write(`answers/${at}/${index}`, answer);
    shell.program(
      "wget",
      `for word in "$@"; do case "$word" in http://*) at=\${word#http://} at=\${at%%/*} ;; esac; done
      dir='${shell.path("answers")}'/$at
      n=$(cat "$dir/next" 2>/dev/null || echo 0)
      [ -f "$dir/$n" ] || n=$((n - 1))
      echo $((n + 1)) >"$dir/next"
      cat "$dir/$n"`,
    );
  };
  const find = (commandLine = "", before = ""): ShellResult => {
    shell.write("proc/cmdline", `${commandLine}\n`);
    return shell.run(
      `report_start() { :; }; sleep() { :; }; INTERFACE=eth0 SERIAL=a1b2c304
      cmdline_read; values_from_dhcp; ${before}
      server_find; echo "$? $SERVER"`,
    );
  };
  /** Asks for a disk until one is told. */
  const ask = (commandLine: string): ShellResult => {
    shell.write("proc/cmdline", `${commandLine}\n`);
    return shell.run(
      `report_start() { :; }; report_finish() { :; }; sleep() { :; }; INTERFACE=eth0 SERIAL=a1b2c304
      cmdline_read; server_from_cmdline; parameters_from_endpoint; echo "$SERVER"`,
    );
  };
  const ready = "state=ready\niscsi.ip=10.0.0.2\niscsi.target=iqn.2026-01.x:y\n";

  test.each([
    ["10.0.0.9:80", "10.0.0.9:80"],
    ["10.0.0.9", "10.0.0.9:8069"],
    ["laptop.lan", "laptop.lan:8069"],
  ])("pinetboot.server=%s of the command line", (given, server) => {
    expect(find(`pinetboot.server=${given}`).text).toBe(`0 ${server}\n`);
  });

  test.each(["10.0.0.9:http", "http://10.0.0.9", "a:1:2", ":8069", "host:", "x:123456", "a;b"])(
    "pinetboot.server=%s is said to be wrong, with its source",
    (given) => {
      const { said, text } = find(`pinetboot.server=${given}`);
      expect(said).toContain(
        `stage=parameters state=fail pinetboot.server=${given} from the kernel command line is neither HOST nor HOST:PORT`,
      );
      expect(text).toStartWith("1 ");
    },
  );

  test("option 43 of the lease, whatever else is in it", () => {
    shell.write("keep/lease/vendor43", hex(2, 6, "laptop", 1, 13, "10.0.0.2:8069"));
    expect(find().text).toBe("0 10.0.0.2:8069\n");
    shell.write("keep/lease/vendor43", hex(1, 8, "10.0.0.3").toUpperCase());
    expect(find().text).toBe("0 10.0.0.3:8069\n");
  });

  test("an option 43 that is no address is said, with who sent it", () => {
    shell.write("keep/lease/vendor43", hex(1, 5, "a b;c"));
    expect(find().said).toContain(
      "pinetboot.server=a b;c from DHCP option 43 from 10.0.0.1 is neither HOST nor HOST:PORT",
    );
  });

  test("an option 43 of another kind is nobody's boot endpoint", () => {
    for (const bytes of [hex(6, 1, 3, 10, 4, 0, "PXE"), "01", hex(1, 0), "zz"]) {
      shell.write("keep/lease/vendor43", bytes);
      expect(find().text).toBe("0 \n");
    }
  });

  test("the one that answers everybody is taken, and is told this Pi's serial", () => {
    servers({ "10.0.0.2:8069": { name: "laptop", answers: [] } });
    expect(find().text).toBe("0 10.0.0.2:8069\n");
    expect(shell.run(`cat '${shell.path("asked")}'`).text).toBe("eth0 a1b2c304\n");
  });

  test("no server is looked for when the command line or DHCP names the disk", () => {
    servers({ "10.0.0.2:8069": { name: "laptop", answers: [] } });
    expect(find("iscsi.ip=10.0.0.5 iscsi.target=iqn.2026-01.x:y").text).toBe("0 \n");
    shell.write("keep/lease/rootpath", "iscsi:10.0.0.5:::1:iqn.2026-01.x:y");
    expect(find().text).toBe("0 \n");
  });

  test("of several the one that has a disk for this Pi", () => {
    servers({
      "10.0.0.2:8069": { name: "laptop", answers: ["state=waiting\n"] },
      "10.0.0.3:8069": { name: "desk", answers: [ready] },
    });
    const { text, said } = find();
    expect(text).toBe("0 10.0.0.3:8069\n");
    expect(said).not.toContain("several");
  });

  test("while none of several has one, all are named; the choice on any of them is taken", () => {
    servers({
      "10.0.0.2:8069": { name: "laptop", answers: ["state=waiting\n", "state=waiting\n", ready] },
      "10.0.0.3:8069": { name: "-", answers: ["state=waiting\n"] },
    });
    const { text, said } = find();
    expect(text).toBe("0 10.0.0.2:8069\n");
    const several = said.split("\n").filter((line) => line.includes("several"));
    expect(several).toEqual([
      "[pinetboot] stage=parameters state=progress several pinetboot servers are here: laptop (10.0.0.2), 10.0.0.3:8069 (10.0.0.3) - assign an image to this Pi on one of them",
    ]);
  });

  test("a server that refuses this Pi leaves it to the other", () => {
    servers({
      "10.0.0.2:8069": { name: "laptop", answers: ["state=refused\n"] },
      "10.0.0.3:8069": { name: "desk", answers: ["state=waiting\n"] },
    });
    expect(find().text).toBe("0 10.0.0.3:8069\n");
  });

  test("of two servers of its own network a loaded Pi goes on at the one that has a disk for it", () => {
    servers({
      "10.0.0.2:8069": { name: "laptop", answers: ["state=waiting\n"] },
      "10.0.0.3:8069": { name: "desk", answers: ["state=waiting\n", "state=waiting\n", ready] },
    });
    const { said, text } = ask("pinetboot.server=10.0.0.2:8069 pinetboot.others=1");
    expect(text).toBe("10.0.0.3:8069\n");
    expect(said).toContain(
      "several pinetboot servers are here: laptop (10.0.0.2), desk (10.0.0.3) - assign an image to this Pi on one of them",
    );
    expect(said).toContain(
      "http://10.0.0.3:8069 has a disk for this Pi; http://10.0.0.2:8069, which started it",
    );
    expect(said.match(/several/g)).toHaveLength(1);
  });

  test("a server that a card names is not left, and alone on its network it is asked on", () => {
    servers({
      "10.0.0.2:8069": { name: "laptop", answers: ["state=waiting\n", "state=waiting\n", ready] },
      "10.0.0.3:8069": { name: "desk", answers: [ready] },
    });
    expect(ask("pinetboot.server=10.0.0.2:8069")).toMatchObject({ text: "10.0.0.2:8069\n" });
    servers({ "10.0.0.4:8069": { name: "alone", answers: ["state=waiting\n", ready] } });
    const alone = ask("pinetboot.server=10.0.0.4:8069 pinetboot.others=1");
    expect(alone.text).toBe("10.0.0.4:8069\n");
    expect(alone.said).not.toContain("several");
  });

  test("reports that are older than the server's name wait for it", () => {
    servers({ "10.0.0.2:8069": { name: "laptop", answers: [] } });
    expect(find("", `say kernel ok "Linux"`).text).toBe("0 10.0.0.2:8069\n");
    expect(shell.run(`cat "$STATE"/reports/*`).text).toStartWith("stage=kernel&state=ok");
  });
});
