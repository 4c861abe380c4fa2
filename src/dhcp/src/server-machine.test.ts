import { beforeEach, describe, expect, test } from "bun:test";
import { PI_4_NEW } from "../../../test/dhcp/golden-packets.ts";
import { BOOT_ANSWER } from "../../../test/dhcp/policy.ts";
import type { ServerDecision } from "./decisions.ts";
import type { DhcpInterface } from "./interfaces.ts";
import { type Lease, MemoryLeaseStore } from "./lease.ts";
import { decodeMessage, type DhcpMessage, encodeMessage } from "./message.ts";
import { messageTypeValue, type MessageType } from "./message-types.ts";
import type { OptionValues } from "./option-table.ts";
import { makeOptions, readOption } from "./options.ts";
import { poolFor } from "./pool.ts";
import { ServerMachine, type Step } from "./server-machine.ts";

const ETH0: DhcpInterface = {
  name: "eth0",
  index: 2,
  address: "10.9.0.1",
  netmask: "255.255.255.0",
  mac: "02:00:00:00:00:01",
};
const LEASE_S = 600;
const PORTS = { clientPort: 68, relayPort: 67 };
const A = { mac: "020000000007" };
const B = { mac: "020000000008" };

let now = 0;
let store: MemoryLeaseStore;
let machine: ServerMachine;
let decide: () => ServerDecision;
/** Addresses somebody uses without a lease, and who. */
let squatters: Map<string, string>;

function makeMachine(first = "10.9.0.10", last = "10.9.0.12"): ServerMachine {
  return new ServerMachine({
    interface: ETH0,
    pool: poolFor(ETH0, { first, last }),
    leases: store,
    leaseTimeS: LEASE_S,
    decide: () => decide(),
  });
}

beforeEach(() => {
  now = 1_000_000;
  store = new MemoryLeaseStore();
  decide = () => ({ kind: "serve" });
  squatters = new Map();
  machine = makeMachine();
});

interface Say extends Partial<Pick<DhcpMessage, "ciaddr" | "giaddr" | "flags" | "hops">> {
  readonly mac: string;
  readonly id?: string;
  readonly options?: OptionValues;
}

function message(type: MessageType, { mac, id, options, ...fields }: Say): DhcpMessage {
  return {
    op: "request",
    hardwareType: 1,
    hardwareAddress: Uint8Array.fromHex(mac),
    hops: 0,
    xid: 77,
    secs: 0,
    flags: 0,
    ciaddr: "0.0.0.0",
    yiaddr: "0.0.0.0",
    siaddr: "0.0.0.0",
    giaddr: "0.0.0.0",
    sname: "",
    file: "",
    ...fields,
    options: makeOptions({
      messageType: messageTypeValue(type),
      ...options,
      ...(id === undefined ? {} : { clientIdentifier: Uint8Array.fromHex(id) }),
    }),
  };
}

/** Sends a message and answers the machine's probes from `squatters`. */
function say(type: MessageType, what: Say): Step[] {
  let steps = machine.receive(message(type, what), PORTS, now);
  for (;;) {
    const probe = steps.find((step) => step.kind === "probe");
    if (probe === undefined) return steps;
    const rest = steps.filter((step) => step !== probe);
    steps = [...rest, ...machine.probed(probe.ticket, squatters.get(probe.address), now)];
  }
}

function reply(steps: readonly Step[]) {
  const found = steps.find((step) => step.kind === "reply");
  if (found === undefined) throw new Error(`no reply, but ${JSON.stringify(steps)}`);
  return found;
}

function offered(who: Say): string {
  const offer = reply(say("DISCOVER", who));
  expect(offer.type).toBe("OFFER");
  return offer.message.yiaddr;
}

/** DISCOVER, OFFER, REQUEST, ACK. */
function lease(who: Say): string {
  const address = offered(who);
  const ack = reply(select(who, address));
  expect(ack.type).toBe("ACK");
  return ack.message.yiaddr;
}

function select(who: Say, address: string, server = ETH0.address): Step[] {
  return say("REQUEST", { ...who, options: { serverIdentifier: server, requestedAddress: address } });
}

function kinds(steps: readonly Step[]): string[] {
  return steps.map((step) => (step.kind === "event" ? step.event.type : step.kind));
}

describe("giving an address", () => {
  test("an OFFER and an ACK carry what a client needs, to everybody on the wire", () => {
    const steps = say("DISCOVER", A);
    const { message: offer, to } = reply(steps);
    expect(to).toEqual({ address: "255.255.255.255", port: 68 });
    expect(offer).toMatchObject({ op: "reply", yiaddr: "10.9.0.10", siaddr: "0.0.0.0", xid: 77 });
    const { message: ack } = reply(select(A, "10.9.0.10"));
    for (const { options } of [offer, ack]) {
      expect(readOption(options, "serverIdentifier")).toBe("10.9.0.1");
      expect(readOption(options, "subnetMask")).toBe("255.255.255.0");
      expect(readOption(options, "broadcastAddress")).toBe("10.9.0.255");
      expect(readOption(options, "leaseTimeS")).toBe(600);
      expect(readOption(options, "renewalTimeS")).toBe(300);
      expect(readOption(options, "rebindingTimeS")).toBe(525);
    }
  });

  test("the lease is stored before the ACK", () => {
    const stored: unknown[] = [];
    store.put = (lease) => stored.push(lease);
    expect(lease({ ...A, id: "0102", options: {} })).toBe("10.9.0.10");
    expect(stored).toEqual([
      {
        address: "10.9.0.10",
        mac: "02:00:00:00:00:07",
        clientId: "0102",
        hostname: undefined,
        expiresAtMs: now + 600_000,
      },
    ]);
  });

  test("a store that fails leaves the client without an ACK, and the address free of a false lease", () => {
    const address = offered(A);
    store.put = () => {
      throw new Error("disk full");
    };
    expect(() => select(A, address)).toThrow("disk full");
    store.put = MemoryLeaseStore.prototype.put.bind(store);
    expect(reply(select(A, address)).type).toBe("ACK");
  });

  test("two clients get two addresses, also when both are asked about at once", () => {
    const first = machine.receive(message("DISCOVER", A), PORTS, now);
    const second = machine.receive(message("DISCOVER", B), PORTS, now);
    const addresses = [...first, ...second].map((step) => (step.kind === "probe" ? step.address : "none"));
    expect(addresses).toEqual(["10.9.0.10", "10.9.0.11"]);
  });

  test("a second DISCOVER during the probe starts no second one, and is the one that is answered", () => {
    const [probe] = machine.receive(message("DISCOVER", A), PORTS, now);
    if (probe?.kind !== "probe") throw new Error("no probe");
    const again = { ...message("DISCOVER", A), xid: 78 };
    expect(kinds(machine.receive(again, PORTS, now))).toEqual(["ignore"]);
    expect(reply(machine.probed(probe.ticket, undefined, now))).toMatchObject({
      request: again,
      message: { xid: 78 },
    });
  });

  test("the address that a client asks for is given when it is free, and only then", () => {
    expect(offered({ ...A, options: { requestedAddress: "10.9.0.12" } })).toBe("10.9.0.12");
    expect(offered({ ...B, options: { requestedAddress: "10.9.0.12" } })).toBe("10.9.0.10");
    const third = { mac: "020000000009", options: { requestedAddress: "10.9.0.99" } };
    expect(offered(third)).toBe("10.9.0.11");
  });

  test("the server's own address is never given, though it lies in the range", () => {
    machine = makeMachine("10.9.0.1", "10.9.0.2");
    expect(offered(A)).toBe("10.9.0.2");
    expect(kinds(say("DISCOVER", B))).toEqual(["range-full"]);
  });

  test("a full range is told, and the address whose lease ended first is given again", () => {
    for (const mac of ["020000000011", "020000000012", "020000000013"]) {
      lease({ mac });
      now += 1000;
    }
    expect(kinds(say("DISCOVER", A))).toEqual(["range-full"]);
    now += LEASE_S * 1000;
    expect(offered(A)).toBe("10.9.0.10");
  });

  test("a squatter's address is left out and told", () => {
    squatters.set("10.9.0.10", "02:00:00:00:00:99");
    const steps = say("DISCOVER", A);
    expect(kinds(steps)).toEqual(["squatter", "reply"]);
    expect(reply(steps).message.yiaddr).toBe("10.9.0.11");
  });

  test("a client that answers for its own old address is no squatter", () => {
    squatters.set("10.9.0.10", "02:00:00:00:00:07");
    expect(offered(A)).toBe("10.9.0.10");
  });

  test("a client whom the policy ignores hears nothing", () => {
    decide = () => ({ kind: "ignore", reason: "not ours" });
    expect(say("DISCOVER", A)).toEqual([{ kind: "ignore", reason: "not ours" }]);
  });

  test("the policy's options go into OFFER and ACK", () => {
    decide = () => ({
      kind: "serve",
      options: makeOptions({ rootPath: "iscsi:x" }).set(224, Uint8Array.of(1)),
    });
    const offer = reply(say("DISCOVER", A));
    const ack = reply(select(A, offer.message.yiaddr));
    for (const { message } of [offer, ack]) {
      expect(readOption(message.options, "rootPath")).toBe("iscsi:x");
      expect(message.options.get(224)).toEqual(Uint8Array.of(1));
    }
  });

  test("a client that boots gets PXE's part in OFFER and ACK", () => {
    decide = () => ({ kind: "serve", pxe: BOOT_ANSWER });
    const discover = decodeMessage(PI_4_NEW.bytes);
    const probe = machine.receive(discover, PORTS, now)[0];
    if (probe?.kind !== "probe") throw new Error("no probe");
    const offer = reply(machine.probed(probe.ticket, undefined, now));
    const options = new Map([
      ...discover.options,
      ...makeOptions({
        messageType: 3,
        serverIdentifier: "10.9.0.1",
        requestedAddress: offer.message.yiaddr,
      }),
    ]);
    const ack = reply(machine.receive({ ...discover, options }, PORTS, now));
    for (const { message } of [offer, ack]) {
      expect(message).toMatchObject({ yiaddr: "10.9.0.10", siaddr: "10.9.0.1", file: "bootcode.bin" });
      expect(readOption(message.options, "vendorClass")).toBe("PXEClient");
      expect(readOption(message.options, "tftpServerName")).toBe("10.9.0.1");
      expect(message.options.get(97)).toEqual(discover.options.get(97));
      expect(message.options.has(43)).toBe(true);
      expect(encodeMessage(message).length).toBeLessThanOrEqual(548);
    }
  });
});

describe("who a client is", () => {
  test("it gets its address again after the lease has ended, and after a restart of the server", () => {
    lease(A);
    const address = lease(B);
    now += LEASE_S * 2000;
    expect(offered(B)).toBe(address);
    machine = makeMachine();
    expect(offered(B)).toBe(address);
  });

  test("firmware without an identifier and its system with one are the same machine", () => {
    const address = lease(A);
    expect(lease({ ...A, id: "ff00112233" })).toBe(address);
    expect(offered(A)).toBe(address);
  });

  test("two identifiers are two clients, though they share a hardware address", () => {
    const first = lease({ ...A, id: "01" });
    expect(lease({ ...A, id: "02" })).not.toBe(first);
    expect(offered({ ...A, id: "01" })).toBe(first);
  });

  test("the client's identifier comes back in the reply (RFC 6842)", () => {
    const { message } = reply(say("DISCOVER", { ...A, id: "0107" }));
    expect(readOption(message.options, "clientIdentifier")?.toHex()).toBe("0107");
  });
});

describe("a client with a lease", () => {
  let address = "";
  beforeEach(() => {
    address = lease(A);
    now += 300_000;
  });

  test("renews: the ACK goes to its address and prolongs the lease", () => {
    const steps = say("REQUEST", { ...A, ciaddr: address });
    expect(reply(steps)).toMatchObject({ type: "ACK", to: { address, port: 68 } });
    expect([...store.list()][0]?.expiresAtMs).toBe(now + 600_000);
    expect(steps[0]).toMatchObject({ kind: "event", event: { type: "lease", change: "renewed" } });
  });

  test("comes back after its own restart (init-reboot)", () => {
    const steps = say("REQUEST", { ...A, options: { requestedAddress: address } });
    expect(reply(steps)).toMatchObject({ type: "ACK", to: { address: "255.255.255.255", port: 68 } });
  });

  test("comes back with an address of another network: NAK at once", () => {
    const steps = say("REQUEST", { ...A, options: { requestedAddress: "192.168.1.5" } });
    expect(reply(steps)).toMatchObject({ type: "NAK", to: { address: "255.255.255.255" } });
    expect(readOption(reply(steps).message.options, "leaseTimeS")).toBeUndefined();
  });

  test("is offered its address again without a probe", () => {
    expect(kinds(machine.receive(message("DISCOVER", A), PORTS, now))).toEqual(["reply"]);
    expect(offered(A)).toBe(address);
  });

  test("keeps its address by renewing although our records are lost", () => {
    store = new MemoryLeaseStore();
    machine = makeMachine();
    expect(reply(say("REQUEST", { ...A, ciaddr: address })).type).toBe("ACK");
    expect([...store.list()].map((lease: Lease) => lease.address)).toEqual([address]);
  });

  test("cannot renew what belongs to somebody else by now", () => {
    const other = lease(B);
    expect(reply(say("REQUEST", { ...A, ciaddr: other })).type).toBe("NAK");
  });

  test("gives it back, and gets it again while nobody else needs it", () => {
    expect(
      kinds(say("RELEASE", { ...A, ciaddr: address, options: { serverIdentifier: ETH0.address } })),
    ).toEqual(["lease"]);
    expect([...store.list()][0]?.expiresAtMs).toBe(now);
    expect(offered(B)).not.toBe(address);
    expect(offered(A)).toBe(address);
  });

  test("cannot be robbed by a RELEASE or DECLINE of somebody else", () => {
    expect(kinds(say("RELEASE", { ...B, ciaddr: address }))).toEqual(["ignore"]);
    expect(kinds(say("DECLINE", { ...B, options: { requestedAddress: address } }))).toEqual(["ignore"]);
    expect(reply(say("REQUEST", { ...A, ciaddr: address })).type).toBe("ACK");
  });

  test("declines what it finds in use: the address rests and another is offered", () => {
    const steps = say("DECLINE", {
      ...A,
      options: { requestedAddress: address, serverIdentifier: ETH0.address },
    });
    expect(steps[0]).toMatchObject({ kind: "event", event: { type: "lease", change: "declined" } });
    expect([...store.list()]).toEqual([]);
    expect(offered(A)).not.toBe(address);
  });

  test("asks for options alone (INFORM): no address, no times", () => {
    const { message, to, type } = reply(say("INFORM", { ...A, ciaddr: "10.9.0.200" }));
    expect([type, message.yiaddr, to.address]).toEqual(["ACK", "0.0.0.0", "10.9.0.200"]);
    expect(readOption(message.options, "leaseTimeS")).toBeUndefined();
    expect(readOption(message.options, "subnetMask")).toBe("255.255.255.0");
  });
});

describe("what does not belong here", () => {
  test("a REQUEST that names another server is not answered, and the rival is told", () => {
    const address = offered(A);
    expect(kinds(select(A, address, "10.9.0.2"))).toEqual(["rival", "ignore"]);
    expect(offered(B)).toBe(address);
  });

  test("an address that was never offered is refused", () => {
    offered(A);
    expect(reply(select(B, "10.9.0.11")).type).toBe("NAK");
    expect(reply(select(B, "10.9.0.10")).type).toBe("NAK");
  });

  test("an address still under probe cannot be taken", () => {
    const [probe] = machine.receive(message("DISCOVER", A), PORTS, now);
    if (probe?.kind !== "probe") throw new Error("no probe");
    expect(
      reply(
        machine.receive(
          message("REQUEST", {
            ...A,
            options: { serverIdentifier: ETH0.address, requestedAddress: probe.address },
          }),
          PORTS,
          now,
        ),
      ).type,
    ).toBe("NAK");
  });

  test.each([
    ["relayed from another network", { giaddr: "10.8.0.1" }],
    ["relayed by ourselves", { giaddr: "10.9.0.1" }],
    ["after too many hops", { hops: 17 }],
  ])("%s: silence", (_, fields) => {
    expect(kinds(say("DISCOVER", { ...A, ...fields }))).toEqual(["ignore"]);
  });

  test("what a relay of this network brought goes back to it; a NAK asks it to broadcast", () => {
    const relay = "10.9.0.3";
    expect(reply(say("DISCOVER", { ...A, giaddr: relay })).to).toEqual({ address: relay, port: 67 });
    const nak = reply(say("REQUEST", { ...B, giaddr: relay, options: { requestedAddress: "10.1.1.1" } }));
    expect(nak.to).toEqual({ address: relay, port: 67 });
    expect(nak.message.flags & 0x8000).toBe(0x8000);
  });

  test("a renewal from a foreign network is refused by broadcast, not sent to that network", () => {
    expect(reply(say("REQUEST", { ...A, ciaddr: "8.8.8.8" }))).toMatchObject({
      type: "NAK",
      to: { address: "255.255.255.255" },
    });
  });

  test.each(["OFFER", "ACK", "NAK"] as const)("a client that sends %s is ignored", (type) => {
    expect(kinds(say(type, A))).toEqual(["ignore"]);
  });

  test("a flood of clients is probed for in portions", () => {
    machine = makeMachine("10.9.0.10", "10.9.0.200");
    const all = Array.from({ length: 100 }, (_, index) => {
      const mac = (0x020000001000 + index).toString(16).padStart(12, "0");
      return kinds(machine.receive(message("DISCOVER", { mac }), PORTS, now))[0];
    });
    expect(all.filter((kind) => kind === "probe")).toHaveLength(64);
    expect(all.slice(64).every((kind) => kind === "ignore")).toBe(true);
  });

  test("a probe that cannot be made gives the address back", () => {
    const [probe] = machine.receive(message("DISCOVER", A), PORTS, now);
    if (probe?.kind !== "probe") throw new Error("no probe");
    machine.abandon(probe.ticket);
    expect(offered(B)).toBe(probe.address);
  });
});
