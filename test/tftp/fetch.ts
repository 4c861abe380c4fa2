/** A program for the lab: fetches by the simulated client as told in JSON, and prints how it went, bytes aside. */
import { type FetchOptions, fetchTftp } from "../sim/tftp-fetch.ts";

const wishes: { times: number; options: FetchOptions } = JSON.parse(process.argv[2] ?? "");
for (let i = 0; i < wishes.times; i++) {
  const result = await fetchTftp(wishes.options);
  const { serverPort: _, ...told } = result;
  console.log(JSON.stringify(told.how === "done" ? { ...told, bytes: told.bytes.length } : told));
}
