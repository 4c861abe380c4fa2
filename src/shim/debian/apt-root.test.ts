import { expect, test } from "bun:test";
import { parsePrintUris } from "./apt-root.ts";

test("apt's list of addresses gives file names, sizes and sums, and its talk is passed over", () => {
  const sum = "ab".repeat(32);
  const text = `Reading package lists...
'http://mirror.example/pool/x_1%253a2_all.deb' x_1%3a2_all.deb 1234 SHA256:${sum}
'http://mirror.example/pool/y_1.dsc' y_1.dsc 5 MD5Sum:00
`;
  expect(parsePrintUris(text)).toEqual([{ fileName: "x_1%3a2_all.deb", sizeBytes: 1234, sha256: sum }]);
});
