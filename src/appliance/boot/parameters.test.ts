import { expect, test } from "bun:test";
import { renderParameters } from "./parameters.ts";

const base = { clockSeconds: 1_764_000_000, server: "laptop" };

test("a ready answer carries the login as lines of key=value", () => {
  const text = renderParameters({
    ...base,
    state: "ready",
    message: "The disk is ready",
    iscsi: {
      ip: "10.0.0.1",
      port: 3260,
      target: "iqn.2026-01.net.pinetboot:abc",
      lun: 0,
      mode: "pivot",
      initiator: "iqn.2026-01.net.pinetboot:pi.8d3fa2c1",
      username: "user",
      password: "a=b",
    },
  });
  expect(text).toBe(`state=ready
clock=1764000000
server=laptop
message=The disk is ready
iscsi.ip=10.0.0.1
iscsi.port=3260
iscsi.target=iqn.2026-01.net.pinetboot:abc
iscsi.lun=0
iscsi.mode=pivot
iscsi.initiator=iqn.2026-01.net.pinetboot:pi.8d3fa2c1
iscsi.username=user
iscsi.password=a=b
`);
});

test("a disk for the USB port that cannot be written says so, and only then", () => {
  const words = { ...base, state: "ready", message: "" } as const;
  expect(renderParameters({ ...words, usbReadOnly: true })).toContain("\nusb.readonly=1\n");
  expect(renderParameters({ ...words, usbReadOnly: false })).not.toContain("usb.");
});

test("words with line ends cannot forge a key", () => {
  const text = renderParameters({
    ...base,
    state: "waiting",
    message: "one\nstate=ready\r\niscsi.ip=6.6.6.6",
  });
  expect(text.split("\n").filter((line) => line.startsWith("state="))).toEqual(["state=waiting"]);
  expect(text).not.toMatch(/^iscsi\./m);
});
