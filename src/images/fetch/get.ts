/** One GET over HTTP: redirects are followed with care, waits are bounded, failures have words. */
import { ImageError } from "../image-error.ts";
import { REDIRECTS_MAX, URL_MAX_CHARS, type FetchLimits } from "./limits.ts";

/** A failure that another attempt may mend. */
export class Interrupted extends Error {
  override readonly name = "Interrupted";

  /** @param noWay nothing was reached at all: asking many times more helps little */
  constructor(
    message: string,
    options?: ErrorOptions,
    readonly noWay = false,
  ) {
    super(message, options);
  }
}

export interface Answer {
  readonly response: Response;
  /** Where it came from in the end. */
  readonly url: URL;
  /** Ends the connection. */
  readonly abort: () => void;
}

const REDIRECTS = new Set([301, 302, 303, 307, 308]);
/** Statuses that mean "not now". */
const LATER = new Set([408, 425, 429, 500, 502, 503, 504]);

/** Reads an address of a file: http or https. Throws "bad-url". */
export function parseUrl(text: string, base?: URL): URL {
  const url = text.length <= URL_MAX_CHARS ? URL.parse(text, base?.href) : null;
  if (!url) throw new ImageError("bad-url", `${JSON.stringify(text.slice(0, 100))} is not an address`);
  if (url.protocol !== "http:" && url.protocol !== "https:")
    throw new ImageError(
      "bad-url",
      `${url.protocol} addresses are not fetched, only http: and https:`,
      "A file of this computer is given as its path.",
    );
  return url;
}

/** The address as it may be shown and kept: without a password. */
export function shownUrl(url: URL): string {
  const shown = new URL(url);
  shown.username = "";
  shown.password = "";
  return shown.href;
}

/**
 * Asks for the address. Resolves with an answer of 200, 206 or 416.
 * Throws an `Interrupted` when it may be tried again, and an `ImageError` ("fetch-failed", "bad-url") when not.
 * The signal ends the asking, and the body as well.
 */
export async function get(
  start: URL,
  headers: Record<string, string>,
  limits: FetchLimits,
  signal?: AbortSignal,
): Promise<Answer> {
  let url = start;
  for (let redirects = 0; ; redirects += 1) {
    const controller = new AbortController();
    signal?.addEventListener("abort", () => controller.abort(), { once: true });
    signal?.throwIfAborted();
    const response = await ask(url, headers, controller, limits);
    const location = response.headers.get("location");
    if (!REDIRECTS.has(response.status) || location === null) {
      judgeStatus(response, url, () => controller.abort());
      return { response, url, abort: () => controller.abort() };
    }
    controller.abort();
    if (redirects === REDIRECTS_MAX)
      throw new ImageError("fetch-failed", `${start.host} redirects more than ${REDIRECTS_MAX} times`);
    const next = parseUrl(location, url);
    if (url.protocol === "https:" && next.protocol === "http:")
      throw new ImageError(
        "fetch-failed",
        `${url.host} redirects from https to http, where anybody could change the file`,
        "Give the address that it leads to, if you trust the way there, with --sha256.",
      );
    url = next;
  }
}

async function ask(
  url: URL,
  headers: Record<string, string>,
  controller: AbortController,
  limits: FetchLimits,
): Promise<Response> {
  const timer = setTimeout(() => controller.abort(), limits.answerMs);
  try {
    return await fetch(url, {
      redirect: "manual",
      signal: controller.signal,
      // The bytes as they are: a server that calls an .img.gz "encoded" would have them unpacked on the way.
      decompress: false,
      headers: { "accept-encoding": "identity", "user-agent": "pinetboot", ...headers },
    });
  } catch (error) {
    if (controller.signal.aborted)
      throw new Interrupted(`${url.host} does not answer within ${limits.answerMs / 1000} s`, {
        cause: error,
      });
    throw new Interrupted(`${url.host} cannot be reached: ${reasonOf(error)}`, { cause: error }, true);
  } finally {
    clearTimeout(timer);
  }
}

function judgeStatus({ status }: Response, url: URL, abort: () => void): void {
  if (status === 200 || status === 206 || status === 416) return;
  abort();
  if (LATER.has(status)) throw new Interrupted(`${url.host} answers ${status}`);
  const words = status === 404 || status === 410 ? ": the file is not there" : "";
  throw new ImageError(
    "fetch-failed",
    `${url.host} answers ${status}${words}`,
    "See in a browser whether the address is right.",
  );
}

/** Yields the body. Throws an `Interrupted` when it is cut, or comes too slowly; what the taker needs is not counted. */
export async function* bodyOf(
  { response, url, abort }: Answer,
  limits: FetchLimits,
): AsyncGenerator<Uint8Array> {
  const reader = response.body?.getReader();
  if (!reader) return;
  let waitedMs = 0;
  let bytes = 0;
  try {
    for (;;) {
      const askedAt = performance.now();
      const next = await withTimeout(reader.read(), limits.stallMs);
      if (next === undefined) throw new Interrupted(`${url.host} has stopped sending`);
      if (next.done) return;
      waitedMs += performance.now() - askedAt;
      bytes += next.value.byteLength;
      if (waitedMs >= limits.stallMs) {
        if (bytes < limits.stallBytes)
          throw new Interrupted(`${url.host} sends only ${Math.round(bytes / (waitedMs / 1000))} bytes/s`);
        waitedMs = 0;
        bytes = 0;
      }
      yield next.value;
    }
  } catch (error) {
    if (error instanceof Interrupted || error instanceof ImageError) throw error;
    throw new Interrupted(`the connection to ${url.host} was cut: ${reasonOf(error)}`, { cause: error });
  } finally {
    abort();
  }
}

async function withTimeout<T>(promise: Promise<T>, ms: number): Promise<T | undefined> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
    promise.catch(() => undefined);
  }
}

function reasonOf(error: unknown): string {
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  if (code === "ConnectionRefused" || code === "ECONNREFUSED") return "nothing listens there";
  if (code === "FailedToOpenSocket" || code === "ENOTFOUND") return "there is no way to it, or no such name";
  return error instanceof Error ? error.message : String(error);
}
