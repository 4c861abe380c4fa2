import { expect, test } from "bun:test";
import { recipesFor } from "./recipes.ts";

const session = {
  iqn: "iqn.2026-01.net.pinetboot:abc",
  portal: "192.168.1.10:3260",
  chap_user: "user-abc",
  chap_secret: "s3cretS3cret",
  luns: [{ image: "raspios" }],
};

test("every recipe names the target, where it is, and the login", () => {
  const recipes = recipesFor(session);
  expect(recipes.length).toBeGreaterThanOrEqual(6);
  for (const { client, text } of recipes) {
    expect(text, client).toContain(session.iqn);
    expect(text, client).toContain("192.168.1.10");
    expect(text, client).toContain(session.chap_user);
    expect(text, client).toContain(session.chap_secret);
  }
});

test("an IPv6 portal stands in brackets in addresses of the URL kind and bare in a field of its own", () => {
  const texts = new Map(
    recipesFor({ ...session, portal: "[fd00::10]:3261" }).map(({ client, text }) => [client, text]),
  );
  expect(texts.get("QEMU")).toContain("@[fd00::10]:3261/");
  expect(texts.get("iPXE")).toContain("iscsi:[fd00::10]:6:3261:0:");
  expect(texts.get("Windows (PowerShell as administrator)")).toContain("-TargetPortalAddress fd00::10 ");
});

test("an image's root is mounted, and only a blank disk is given a file system", () => {
  const blank = { ...session, luns: [{ image: "blank" }] };
  for (const client of ["Linux", "Windows (PowerShell as administrator)"]) {
    const text = (from: typeof session): string | undefined =>
      recipesFor(from).find((recipe) => recipe.client === client)?.text;
    expect(text(blank)).toMatch(/mkfs\.ext4|Format-Volume/);
    expect(text(session)).not.toMatch(/mkfs|Format-Volume/);
  }
});
