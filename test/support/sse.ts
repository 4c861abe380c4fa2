/** Server-sent events as a browser sees them: a name, an id, the data. */

export interface SseFrame {
  /** "message" for one without a name. */
  readonly event: string;
  readonly id: string | undefined;
  readonly data: string;
}

/** The frames of a stream as they come; comments are left out. */
export async function* sseFrames(response: Response): AsyncGenerator<SseFrame> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of response.body ?? []) {
    const frames = (rest + decoder.decode(chunk, { stream: true })).split("\n\n");
    rest = frames.pop() ?? "";
    for (const frame of frames) {
      const lines = frame.split("\n");
      const field = (name: string): string | undefined =>
        lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
      const data = field("data");
      if (data !== undefined) yield { event: field("event") ?? "message", id: field("id"), data };
    }
  }
}

/** The first frame that the condition holds for; the stream is closed then. */
export async function sseFrame(response: Response, holds: (frame: SseFrame) => boolean): Promise<SseFrame> {
  for await (const frame of sseFrames(response)) if (holds(frame)) return frame;
  throw new Error("the stream has ended");
}
