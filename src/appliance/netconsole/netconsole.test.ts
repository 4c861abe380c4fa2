import { describe, expect, test } from "bun:test";
import { EventLog } from "../events.ts";
import { LineAssembler } from "./lines.ts";
import { listenNetconsole, NetconsoleReceiver } from "./listener.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function receiver(now = () => 0) {
  const events = new EventLog();
  const texts: string[] = [];
  const made = new NetconsoleReceiver(
    {
      events,
      piAt: (address) => (address === "169.254.1.7" ? "8d3fa2c1" : undefined),
      onText: (pi, text) => texts.push(`${pi} ${text}`),
    },
    now,
  );
  return {
    take: made.take.bind(made),
    texts,
    lines: () => events.since().map(({ pi, stage, detail }) => `${pi} ${stage} ${detail}`),
  };
}

describe("a firmware's log", () => {
  test("becomes lines of its Pi, whatever pieces it comes in", () => {
    const { take, texts, lines } = receiver();
    take("169.254.1.7", bytes("RPi: BOOTLOADER rel"));
    take("169.254.1.7", bytes("ease\r\n\nNET_BOOT\nhalf"));
    expect(texts).toEqual(["8d3fa2c1 RPi: BOOTLOADER rel", "8d3fa2c1 ease\r\n\nNET_BOOT\nhalf"]);
    expect(lines()).toEqual(["8d3fa2c1 console RPi: BOOTLOADER release", "8d3fa2c1 console NET_BOOT"]);
  });

  test("cannot forge a line, a colour or a cursor in the record", () => {
    const { take, lines } = receiver();
    take("169.254.1.7", bytes("\u001b[2J\u0007<b>bold</b>\u202e\n"));
    expect(lines()).toEqual(["8d3fa2c1 console [2J <b>bold</b>"]);
  });

  test("of an unknown sender is not kept, and that is said once", () => {
    const { take, texts, lines } = receiver();
    for (let i = 0; i < 5; i++) take("10.0.0.66", bytes("noise\n"));
    expect(texts).toEqual([]);
    expect(lines()).toHaveLength(1);
    expect(lines()[0]).toContain("10.0.0.66 sends a log");
  });

  test("that is a flood is cut: to the record, and in all", () => {
    let now = 0;
    const { take, texts, lines } = receiver(() => now);
    for (let i = 0; i < 6000; i++) take("169.254.1.7", bytes(`line ${i}\n`));
    expect(lines()).toHaveLength(200);
    expect(texts).toHaveLength(4000);
    now = 2000;
    for (let i = 0; i < 6000; i++) take("169.254.1.7", bytes("more\n"));
    expect(lines()).toHaveLength(204);
    expect(texts).toHaveLength(5000);
  });

  test("in a datagram that is no frame of Ethernet is dropped", () => {
    const { take, texts } = receiver();
    take("169.254.1.7", new Uint8Array(1501));
    expect(texts).toEqual([]);
  });

  test("without an end is cut, and many senders' beginnings are forgotten", () => {
    const lines = new LineAssembler();
    expect(lines.take("a", "x".repeat(399))).toEqual([]);
    expect(lines.take("a", "yz")).toEqual([`${"x".repeat(399)}y`]);
    lines.take("first", "begun");
    for (let i = 0; i < 256; i++) lines.take(`other ${i}`, "begun");
    expect(lines.take("first", " and done\n")).toEqual([" and done"]);
  });

  test("comes in over UDP", async () => {
    const { promise, resolve } = Promise.withResolvers<string>();
    const options = {
      hostname: "127.0.0.1",
      port: 0,
      events: new EventLog(),
      piAt: () => "8d3fa2c1",
      onText: (pi: string, text: string) => resolve(`${pi} ${text}`),
    };
    const listener = await listenNetconsole(options);
    const sender = await Bun.udpSocket({ hostname: "127.0.0.1" });
    sender.send("hello\n", listener.port, "127.0.0.1");
    expect(await promise).toBe("8d3fa2c1 hello\n");
    sender.close();
    listener.close();
  });
});
