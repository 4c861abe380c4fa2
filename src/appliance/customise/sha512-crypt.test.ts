import { expect, test } from "bun:test";
import { sha512Crypt } from "./sha512-crypt.ts";

/** The first is of the method's own description; the others were made with `openssl passwd -6`. */
const KNOWN = [
  [
    "Hello world!",
    "saltstring",
    "svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
  ],
  ["x", "ab", "jnZj29NS/hK2GaouP6AGMIBwD6owZFRejcn9QRdlwSjZaVr.fR9dH2TXrKL/PaacUXwtGfI.4O9zxvy2k6fbE1"],
  [
    "ä".repeat(50),
    "0123456789abcdef",
    "H6tQ2GX87FQa7PFsvFkL2KGNWHpIzoB4vJ86ko0wLjwv1vOXSE0LoTYCczY4pGcqcxPs1d2PWx.niX1L7psYk.",
  ],
] as const;

test("a password is hashed as crypt hashes it", () => {
  for (const [password, salt, hash] of KNOWN) expect(sha512Crypt(password, salt)).toBe(`$6$${salt}$${hash}`);
});

test("each hash has a salt of its own", () => {
  const [first, second] = [sha512Crypt("secret"), sha512Crypt("secret")];
  expect(first).toMatch(/^\$6\$[./0-9A-Za-z]{16}\$[./0-9A-Za-z]{86}$/);
  expect(first).not.toBe(second);
});
