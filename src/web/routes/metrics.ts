/** `/metrics`: what a Prometheus server collects. It needs no more right than the API, and no less. */
import { Hono } from "hono";
import { hostSpace } from "../../appliance/index.ts";
import type { ApiContext, ApiEnv } from "../context.ts";
import { type Metric, METRICS_TYPE, metricsText, type Sample } from "../metrics-text.ts";

const MS_PER_SECOND = 1000;

export function metricsRoutes(context: ApiContext): Hono<ApiEnv> {
  return new Hono<ApiEnv>().get("/metrics", async (c) =>
    c.body(metricsText(await collect(context)), 200, { "content-type": METRICS_TYPE }),
  );
}

async function collect(context: ApiContext): Promise<Metric[]> {
  return [
    ...ofTheProcess(context),
    ...ofTheServer(context),
    ...ofPis(context),
    ...ofSessions(context),
    ...(await ofTheDisk(context)),
  ];
}

function ofTheProcess({ version }: ApiContext): Metric[] {
  return [
    gauge("pinetboot_info", "Which pinetboot this is.", [{ labels: { version }, value: 1 }]),
    gauge("process_start_time_seconds", "Start of the server since the Unix epoch.", [
      { value: Math.floor(performance.timeOrigin / MS_PER_SECOND) },
    ]),
    gauge("process_resident_memory_bytes", "Memory that the server has in RAM.", [
      { value: process.memoryUsage.rss() },
    ]),
  ];
}

function ofTheServer({ appliance, serving }: ApiContext): Metric[] {
  const { events, library } = appliance;
  return [
    counter(
      "pinetboot_events_total",
      "Events since the start, by stage and state.",
      events.counts().map(({ stage, state, count }) => ({ labels: { stage, state }, value: count })),
    ),
    gauge("pinetboot_shim_ready", "1 when the boot shim is there.", [
      { value: serving?.shim().state === "ready" ? 1 : 0 },
    ]),
    gauge("pinetboot_problems", "Services that do not run.", [{ value: serving?.problems.length ?? 0 }]),
    gauge("pinetboot_images", "Images in the library.", [{ value: library.list().length }]),
  ];
}

function ofPis({ appliance }: ApiContext): Metric[] {
  const pis = appliance.pis.list();
  return [
    gauge("pinetboot_pis", "Pis that are known.", [{ value: pis.length }]),
    gauge(
      "pinetboot_pi_latest_event_timestamp_seconds",
      "When a Pi was last heard of since the start, and how far it was.",
      pis.flatMap(({ key, latest }) =>
        latest
          ? [
              {
                labels: { pi: key, stage: latest.stage, state: latest.state },
                value: latest.at / MS_PER_SECOND,
              },
            ]
          : [],
      ),
    ),
  ];
}

function ofSessions({ appliance: { sessions } }: ApiContext): Metric[] {
  const all = sessions.all().map((session) => ({
    labels: { session: session.id, ...(session.pi !== null && { pi: session.pi }) },
    traffic: sessions.live.trafficOf(session.iqn),
    initiators: sessions.live.initiatorsOf(session.iqn).length,
    usedBytes: sessions.chargedBytes(session),
    quotaBytes: session.quotaBytes,
  }));
  const each = (pick: (one: (typeof all)[number]) => number): Sample[] =>
    all.map((one) => ({ labels: one.labels, value: pick(one) }));
  return [
    gauge("pinetboot_sessions", "Sessions.", [{ value: all.length }]),
    counter(
      "pinetboot_session_read_bytes_total",
      "Bytes that initiators read since the start.",
      each(({ traffic }) => traffic.readBytes),
    ),
    counter(
      "pinetboot_session_written_bytes_total",
      "Bytes that initiators wrote since the start.",
      each(({ traffic }) => traffic.writtenBytes),
    ),
    gauge(
      "pinetboot_session_initiators",
      "Initiators that are logged in.",
      each(({ initiators }) => initiators),
    ),
    gauge(
      "pinetboot_session_used_bytes",
      "What counts against the quota of the session.",
      each(({ usedBytes }) => usedBytes),
    ),
    gauge(
      "pinetboot_session_quota_bytes",
      "The quota, where there is one.",
      all.flatMap(({ labels, quotaBytes }) => (quotaBytes === null ? [] : [{ labels, value: quotaBytes }])),
    ),
  ];
}

async function ofTheDisk({ appliance }: ApiContext): Promise<Metric[]> {
  const { sizeBytes, freeBytes } = await hostSpace(appliance.dataFolder);
  return [
    gauge("pinetboot_data_size_bytes", "Size of the file system with the data folder.", [
      { value: sizeBytes },
    ]),
    gauge("pinetboot_data_free_bytes", "What is free on it.", [{ value: freeBytes }]),
  ];
}

const gauge = (name: string, help: string, samples: readonly Sample[]): Metric => ({
  name,
  type: "gauge",
  help,
  samples,
});
const counter = (name: string, help: string, samples: readonly Sample[]): Metric => ({
  name,
  type: "counter",
  help,
  samples,
});
