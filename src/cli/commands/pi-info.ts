/** `pinetboot pi info` */
import { buildCommand } from "@stricli/core";
import { bootOf } from "../../appliance/index.ts";
import { read, withApi } from "../backend.ts";
import { type CommonFlags, commonFlags } from "../flags.ts";
import { latestEvents } from "../latest-events.ts";
import { inColour, printJson } from "../output.ts";
import { onePi } from "../pi-selection.ts";
import { piLines } from "./pi-text.ts";

export const info = buildCommand({
  docs: {
    brief: "Show one Pi: what it is, what it boots, how far it is, why it stopped",
    fullDescription:
      "The times are seconds since its boot began. With --json also every event of it that the server keeps.\n\n" +
      "Examples:\n  pinetboot pi info 8d3fa2c1\n  pinetboot pi info rack3-left --json",
  },
  parameters: { flags: commonFlags, positional: onePi },
  async func(flags: CommonFlags, name: string) {
    const known = await withApi(flags, "pi info", async (api) => {
      const pi = await read(api.client.pis[":key"].$get({ param: { key: name } }));
      const [sessions, images, events] = await Promise.all([
        read(api.client.sessions.$get({ query: {} })),
        read(api.client.images.$get({ query: {} })),
        pi.latest === null ? [] : latestEvents(api, pi.latest.id),
      ]);
      return {
        pi,
        image: images.find(({ id }) => id === pi.assignment?.image)?.name,
        disks: sessions.filter(({ id }) => pi.sessions.includes(id)),
        events: events.filter((event) => event.pi === pi.key),
        isServed: api.at !== "folder",
      };
    });
    if (flags.json) {
      const { pi, disks, events } = known;
      const { steps, startedAt, failure, done } = bootOf(events);
      const boot = { started_at: startedAt ?? null, done, failure: failure ?? null, steps };
      printJson({ ...pi, disks, boot, events });
    } else for (const line of piLines(known, { now: Date.now(), colour: inColour() })) console.log(line);
  },
});
