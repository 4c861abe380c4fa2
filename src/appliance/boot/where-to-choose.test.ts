import { expect, test } from "bun:test";
import { whereToChoose } from "./where-to-choose.ts";

test("an address that only the computer itself can open is said with the computer's name", () => {
  for (const url of ["http://127.0.0.1:8080", "http://localhost:8080", "http://[::1]:8080"])
    expect(whereToChoose(url, "laptop", "1A0C")).toBe(`On laptop, open ${url}`);
});

test("an address that the network can open is said alone", () => {
  expect(whereToChoose("http://192.168.1.5:8080", "laptop", "1A0C")).toBe("Open http://192.168.1.5:8080");
});

test("without a page there is the command, with the code that the screen shows", () => {
  expect(whereToChoose(undefined, "laptop", "1A0C")).toBe(
    "On laptop, type: pinetboot pi assign 1A0C --image IMAGE",
  );
});
