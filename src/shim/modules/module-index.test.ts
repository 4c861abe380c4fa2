import { expect, test } from "bun:test";
import { aliasesOf, ModuleIndex } from "./module-index.ts";

const DEP = `kernel/net/wireless/cfg80211.ko: kernel/net/rfkill/rfkill.ko
kernel/net/rfkill/rfkill.ko:
kernel/drivers/brcm/brcmfmac-wcc.ko: kernel/drivers/brcm/brcmfmac.ko kernel/net/wireless/cfg80211.ko kernel/net/rfkill/rfkill.ko
kernel/drivers/brcm/brcmfmac.ko: kernel/net/wireless/cfg80211.ko kernel/net/rfkill/rfkill.ko
`;
const index = ModuleIndex.parse(DEP);

test("a module brings all that it needs, each once and sorted, whichever dash its name has", () => {
  expect(index.closure(["cfg80211", "brcmfmac_wcc"])).toEqual([
    "kernel/drivers/brcm/brcmfmac-wcc.ko",
    "kernel/drivers/brcm/brcmfmac.ko",
    "kernel/net/rfkill/rfkill.ko",
    "kernel/net/wireless/cfg80211.ko",
  ]);
});

test("a module that the kernel lacks is named", () => {
  expect(() => index.closure(["cfg80211", "iwlwifi"])).toThrow("no module iwlwifi");
});

test("the list of a part has the lines of that part, and reads as itself", () => {
  const part = index.closure(["brcmfmac"]);
  expect(ModuleIndex.parse(index.format(part)).closure(["brcmfmac"])).toEqual(part);
  expect(index.format(["kernel/net/rfkill/rfkill.ko"])).toBe("kernel/net/rfkill/rfkill.ko:\n");
  expect(index.format(index.paths()).split("\n").toSorted()).toEqual(DEP.split("\n").toSorted());
});

test("a part has the other names of its modules, and of no others", () => {
  const alias = "# Aliases\nalias crypto-ccm(aes) ccm\nalias usb:v* btusb\nalias crypto-cbcmac ccm\n";
  expect(aliasesOf(alias, ["kernel/crypto/ccm.ko"])).toBe(
    "alias crypto-ccm(aes) ccm\nalias crypto-cbcmac ccm\n",
  );
});
