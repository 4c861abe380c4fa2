import { expect, test } from "bun:test";
import { unmetLines } from "./config.ts";

const CONFIG = `CONFIG_NET=y
CONFIG_NAME="shim"
# CONFIG_SOUND is not set
CONFIG_COMPAT=y
`;

test("a fragment that Kconfig has taken leaves nothing unmet", () => {
  expect(
    unmetLines('# words\nCONFIG_NET=y\nCONFIG_NAME="shim"\nCONFIG_SOUND=n\nCONFIG_GONE=n\n', CONFIG),
  ).toEqual([]);
});

test("what Kconfig has dropped or forced is named", () => {
  expect(unmetLines("CONFIG_GONE=y\nCONFIG_COMPAT=n\nCONFIG_NET=m\n", CONFIG)).toEqual([
    "CONFIG_GONE=y",
    "CONFIG_COMPAT=n",
    "CONFIG_NET=m",
  ]);
});
