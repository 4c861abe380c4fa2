/** Reads the data of server-sent events. */
import type { z } from "zod";

/** The JSON documents of a stream, as they come. A heartbeat is none. */
export async function* readEvents<T>(
  response: Pick<Response, "body">,
  schema: z.ZodType<T>,
): AsyncGenerator<T> {
  if (!response.body) return;
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of response.body) {
    const frames = (rest + decoder.decode(chunk, { stream: true })).split("\n\n");
    rest = frames.pop() ?? "";
    for (const frame of frames) {
      const lines = frame.split("\n");
      // A named event is another thing: throughput, a line of a console.
      if (lines.some((line) => line.startsWith("event: "))) continue;
      const data = lines
        .filter((line) => line.startsWith("data: "))
        .map((line) => line.slice("data: ".length));
      if (data.length > 0) yield schema.parse(JSON.parse(data.join("\n")));
    }
  }
}
