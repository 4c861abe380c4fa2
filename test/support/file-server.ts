/** A web server of files with ranges, which can hold a download in its middle, cut it, and tell what it was asked for. */

export interface ServedFile {
  readonly content: Uint8Array;
  /** The first download stops here until it is released. */
  readonly holdAt?: number;
  /** The first download is cut off here. */
  readonly cutAt?: number;
}

interface Served {
  readonly file: ServedFile;
  /** First bytes that were asked for, by request. */
  readonly ranges: number[];
  readonly held: PromiseWithResolvers<void>;
  readonly released: PromiseWithResolvers<void>;
}

/** Bytes that are written at once; small enough that a cut falls between two of them. */
const CHUNK_BYTES = 256 * 1024;

export class FileServer {
  readonly #files = new Map<string, Served>();
  readonly #redirects = new Map<string, string>();
  readonly #server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    fetch: (request) => this.#answer(request),
  });

  /** Serves a file; returns its address. */
  add(path: string, file: ServedFile): string {
    this.#files.set(path, {
      file,
      ranges: [],
      held: Promise.withResolvers<void>(),
      released: Promise.withResolvers<void>(),
    });
    return `http://127.0.0.1:${this.#server.port}${path}`;
  }

  addJson(path: string, document: unknown): string {
    return this.add(path, { content: new TextEncoder().encode(JSON.stringify(document)) });
  }

  redirect(from: string, to: string): void {
    this.#redirects.set(from, to);
  }

  rangesOf(path: string): readonly number[] {
    return this.#get(path).ranges;
  }

  /** Resolves when a download waits at its `holdAt`. */
  held(path: string): Promise<void> {
    return this.#get(path).held.promise;
  }

  release(path: string): void {
    this.#get(path).released.resolve();
  }

  async stop(): Promise<void> {
    for (const { released } of this.#files.values()) released.resolve();
    await this.#server.stop(true);
  }

  #get(path: string): Served {
    const served = this.#files.get(path);
    if (!served) throw new Error(`no ${path} is served`);
    return served;
  }

  #answer(request: Request): Response {
    const { pathname } = new URL(request.url);
    const to = this.#redirects.get(pathname);
    if (to !== undefined) return Response.redirect(to, 302);
    const served = this.#files.get(pathname);
    if (!served) return new Response("no such file", { status: 404 });
    const from = Number(/bytes=(\d+)-/.exec(request.headers.get("range") ?? "")?.[1] ?? 0);
    served.ranges.push(from);
    const { content } = served.file;
    return new Response(bodyFrom(served, from, served.ranges.length === 1), {
      status: from > 0 ? 206 : 200,
      headers: {
        etag: `"${Bun.hash(content)}"`,
        "content-length": String(content.byteLength - from),
        ...(from > 0 && {
          "content-range": `bytes ${from}-${content.byteLength - 1}/${content.byteLength}`,
        }),
      },
    });
  }
}

function bodyFrom(
  { file: { content, holdAt, cutAt }, held, released }: Served,
  from: number,
  first: boolean,
): ReadableStream<Uint8Array> {
  let at = from;
  return new ReadableStream({
    async pull(controller) {
      if (first && holdAt !== undefined && at >= holdAt) {
        held.resolve();
        await released.promise;
      }
      if (first && cutAt !== undefined && at >= cutAt) {
        controller.error(new Error("cut off on purpose"));
        return;
      }
      const chunk = content.subarray(at, at + CHUNK_BYTES);
      at += chunk.byteLength;
      if (chunk.byteLength > 0) controller.enqueue(chunk);
      else controller.close();
    },
  });
}
