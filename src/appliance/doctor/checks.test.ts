import { describe, expect, test } from "bun:test";
import { checkDhcpServers } from "./dhcp-servers.ts";
import type { Finding } from "./finding.ts";
import { checkFirewall, type FirewallRules } from "./firewall.ts";
import { checkClock, checkPower, checkSpace } from "./host.ts";
import { checkIgnored } from "./ignored.ts";
import { checkLinks, type Link } from "./links.ts";
import { checkSilentPis } from "./silent-pis.ts";

const cable: Link = { name: "eth0", kind: "wired", carrier: true, addresses: ["10.0.0.2"] };
const brief = (findings: readonly Finding[]): string[] =>
  findings.map(({ check, level }) => `${check} ${level}`);

describe("links", () => {
  test("a cable with somebody at its other end is well", () => {
    expect(brief(checkLinks([cable], []))).toEqual(["link ok"]);
  });

  test("no cable, WiFi alone, and no address are told apart", () => {
    expect(brief(checkLinks([{ ...cable, carrier: false }], []))).toEqual(["link problem"]);
    expect(brief(checkLinks([{ ...cable, kind: "wireless" }], []))).toEqual(["link warning"]);
    const bare = checkLinks([{ ...cable, addresses: [] }], []);
    expect(brief(bare)).toEqual(["link ok", "address problem"]);
    expect(bare[1]?.fix).toContain("ip addr add 10.77.0.1/24 dev eth0");
  });

  test("serving a container's bridge, or an interface that is not there, is told with the names of the others", () => {
    const bridge: Link = { ...cable, name: "docker0", kind: "virtual" };
    expect(checkLinks([cable, bridge], ["docker0"])[0]).toMatchObject({ level: "warning" });
    expect(checkLinks([cable, bridge], ["docker0"])[0]?.fix).toContain("eth0");
    expect(checkLinks([cable], ["eth9"])[0]).toMatchObject({ level: "problem", fix: "One of: eth0" });
  });
});

describe("other servers", () => {
  const router = { interface: "eth0", address: "10.0.0.1", givesAddresses: true, givesBoot: false };
  const pxe = { interface: "eth0", address: "10.0.0.9", givesAddresses: false, givesBoot: true };
  const check = (mode: "proxy" | "server", ...servers: (typeof router)[]) =>
    brief(checkDhcpServers(mode, [{ interface: "eth0", servers }]));

  test("a proxy wants one router, and nobody else with boot files", () => {
    expect(check("proxy", router)).toEqual(["router ok"]);
    expect(check("proxy")).toEqual(["router problem"]);
    expect(check("proxy", router, { ...router, address: "10.0.0.7" })).toEqual(["router warning"]);
    expect(check("proxy", router, pxe)).toEqual(["router ok", "pxe warning"]);
  });

  test("a server wants to be alone", () => {
    expect(check("server")).toEqual(["router ok"]);
    expect(check("server", router)).toEqual(["router problem"]);
  });
});

const chain = { chain: { name: "INPUT", table: "filter", hook: "input", policy: "drop" } };
const accept = (...expr: object[]): FirewallRules["nftables"][number] => ({
  rule: { chain: "INPUT", table: "filter", expr: [...expr, { accept: null }] },
});
const dport = (right: unknown) => ({
  match: { op: "==", left: { payload: { protocol: "udp", field: "dport" } }, right },
});

const ports = [{ service: "TFTP", protocol: "udp", port: 69 } as const];
const levelFor = (right: unknown) =>
  checkFirewall({ nftables: [chain, accept(dport(right))] }, ports)[0]?.level;

describe("the firewall", () => {
  test("none, or one that drops nothing, is well", () => {
    expect(checkFirewall(undefined, ports)).toEqual([]);
    expect(brief(checkFirewall("closed", ports))).toEqual(["firewall warning"]);
    expect(brief(checkFirewall({ nftables: [] }, ports))).toEqual(["firewall ok"]);
  });

  test("one that drops what it does not name is told with the command that lets the port in", () => {
    const [found] = checkFirewall({ nftables: [chain] }, ports);
    expect(found).toMatchObject({
      level: "problem",
      detail: "A firewall of this computer drops TFTP (UDP 69)",
    });
    expect(found?.fix).toContain("sudo ufw allow 69/udp");
  });

  test("a rule that names the port, alone or among others, lets it in; one for another port does not", () => {
    expect(levelFor(69)).toBe("ok");
    expect(levelFor({ set: [67, 69, 4011] })).toBe("ok");
    expect(levelFor({ range: [60, 70] })).toBe("ok");
    expect(levelFor(6900)).toBe("problem");
    expect(levelFor({ range: [70, 80] })).toBe("problem");
  });
});

describe("the computer", () => {
  test("a clock of long ago is a problem", () => {
    expect(checkClock(Date.UTC(1970, 0, 1)).level).toBe("problem");
    expect(checkClock(Date.UTC(2027, 0, 1)).level).toBe("ok");
  });

  test("little room is a warning, hardly any a problem", () => {
    expect(
      [50e9, 5e9, 1e9].map((free) => checkSpace("/data", { sizeBytes: 100e9, freeBytes: free }).level),
    ).toEqual(["ok", "warning", "problem"]);
  });

  test("only a computer that runs on its battery is told to stay awake", () => {
    expect(checkPower(undefined)).toEqual([]);
    expect(checkPower({ discharging: false, percent: 5 })).toEqual([]);
    expect(brief(checkPower({ discharging: true, percent: 80 }))).toEqual(["power warning"]);
    expect(brief(checkPower({ discharging: true, percent: undefined }))).toEqual(["power warning"]);
    expect(brief(checkPower({ discharging: true, percent: 6 }))).toEqual(["power problem"]);
  });
});

describe("who got no answer", () => {
  const one = {
    service: "DHCP",
    who: "52:54:00:00:00:01",
    name: null,
    vendor: null,
    interface: "eth0",
    reason: "it is no Pi",
    fix: null,
    times: 1,
    firstAt: 0,
    lastAt: 1_000,
  };

  test("others are counted, and one that a person can help is told with what to do", () => {
    expect(checkIgnored([], 2_000)).toEqual([]);
    expect(brief(checkIgnored([one, { ...one, who: "x" }], 2_000))).toEqual(["ignored ok"]);
    const [found] = checkIgnored([{ ...one, reason: "--adopt off", fix: "pinetboot pi assign" }], 2_000);
    expect(found).toMatchObject({ level: "warning", fix: "pinetboot pi assign" });
  });

  test("what was long ago is not told", () => {
    expect(checkIgnored([one], 3_600_000)).toEqual([]);
  });
});

test("a Pi that is on the network and never asked is named, others are not", () => {
  const neighbours = [
    { address: "10.0.0.5", mac: "dc:a6:32:00:00:05" },
    { address: "10.0.0.6", mac: "dc:a6:32:00:00:06" },
    { address: "10.0.0.7", mac: "52:54:00:00:00:07" },
  ];
  const found = checkSilentPis(neighbours, new Set(["dc:a6:32:00:00:06"]));
  expect(found.map(({ detail }) => detail)).toEqual([
    "A Raspberry Pi (dc:a6:32:00:00:05) is at 10.0.0.5 and never asked to boot",
  ]);
});
