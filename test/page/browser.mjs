/**
 * Drives Debian's Chromium by Playwright. It runs under Node (Playwright does not speak to a browser from Bun):
 *   node browser.mjs FLOW URL [FILE]   prints what the flow saw as one line of JSON
 */
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const [flow, url, file] = process.argv.slice(2);
const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const FLOWS = { views, newDisk, choose, addAndKeep };

const browser = await chromium.launch({
  executablePath: "/usr/bin/chromium",
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ],
});
try {
  console.log(JSON.stringify(await FLOWS[flow]()));
} finally {
  await browser.close();
}

/** A page that keeps account of what it asked and of what went wrong in it. */
async function open(options = {}) {
  const context = await browser.newContext({
    permissions: ["clipboard-read", "clipboard-write"],
    ...options,
  });
  const page = await context.newPage();
  const errors = [];
  const requests = [];
  page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  page.on("pageerror", (error) => errors.push(error.message));
  page.on("request", (request) => requests.push(request.url()));
  await page.goto(url);
  await page.getByText("Live", { exact: true }).waitFor();
  return { page, errors, requests };
}

/** Every view, narrow and wide: what is wider than the screen, what went wrong, who was asked, what axe finds. */
async function views() {
  const seen = { headings: [], tooWide: [], errors: [], foreign: [], barriers: [] };
  for (const [width, colorScheme] of [
    [390, "light"],
    [1200, "dark"],
  ]) {
    // The page's own policy lets no script in that is not its own; axe comes by the test's hand.
    const { page, errors, requests } = await open({
      viewport: { width, height: 800 },
      colorScheme,
      bypassCSP: true,
    });
    for (const name of ["Pis", "Images", "Disks", "Doctor"]) {
      await page.getByRole("link", { name, exact: true }).click();
      await page.getByRole("heading", { level: 1, name }).waitFor();
      seen.headings.push(name);
      const overflow = await page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
      );
      await page.addScriptTag({ path: AXE });
      const { violations } = await page.evaluate(() => globalThis.axe.run());
      for (const { id, nodes } of violations)
        seen.barriers.push(
          `${name} at ${width}: ${id}: ${nodes.map(({ html }) => html.slice(0, 100)).join(" ")}`,
        );
      if (overflow > 0) seen.tooWide.push(`${name} at ${width}: ${overflow} px`);
    }
    seen.errors.push(...errors);
    seen.foreign.push(...requests.filter((asked) => !asked.startsWith(url)));
  }
  return seen;
}

/** New disk, then each value by its copy button. */
async function newDisk() {
  const { page, errors } = await open();
  await page.getByRole("link", { name: "Disks" }).click();
  await page.getByLabel("Size").fill("64M");
  await page.getByRole("button", { name: "New disk" }).click();
  await page.getByRole("heading", { name: "Your disk is ready" }).waitFor();
  const copied = {};
  for (const name of ["Portal", "Target", "User", "Secret", "Linux"]) {
    await page.getByRole("button", { name: `Copy ${name}` }).click();
    copied[name] = await page.evaluate(() => navigator.clipboard.readText());
  }
  await page.getByRole("button", { name: "I have it" }).click();
  const secretStays = (await page.content()).includes(copied.Secret);
  return { copied, secretStays, errors };
}

/** A Pi that waits appears by itself; its image is chosen; the card follows it. */
async function choose() {
  const { page, errors } = await open();
  console.log(JSON.stringify({ ready: true }));
  const card = page.getByRole("article", { name: "Raspberry Pi 4 Model B Rev 1.4" });
  await card.getByText("Nobody has chosen an image for this Pi yet").waitFor();
  await card.getByText("Customise").click();
  await card.getByLabel("Host name").fill("kitchen");
  await card.getByRole("button", { name: "Boot this" }).click();
  await card.getByRole("alert").waitFor();
  return { failure: await card.getByRole("alert").textContent(), errors };
}

/** A file of this computer becomes an image, a disk over it keeps a state, and goes. */
async function addAndKeep() {
  const { page, errors } = await open();
  await page.getByRole("link", { name: "Images" }).click();
  await page.getByLabel(/choose a file/).setInputFiles(file);
  await page.getByRole("rowheader", { name: "uploaded", exact: true }).waitFor();
  await page.getByText("Or from the catalog").click();
  await page
    .getByRole("button", { name: /^Get Raspberry Pi OS Lite/ })
    .first()
    .waitFor();
  await page.getByRole("link", { name: "Disks" }).click();
  await page.getByLabel("From").selectOption({ label: "uploaded" });
  await page.getByRole("button", { name: "New disk" }).click();
  await page.getByRole("heading", { name: "Your disk is ready" }).waitFor();
  const row = page.getByRole("row").filter({ has: page.getByRole("cell", { name: "uploaded" }) });
  await row.getByText("More").click();
  await row.getByLabel("Name").fill("clean");
  await row.getByRole("button", { name: "Snapshot" }).click();
  await row.getByRole("list", { name: "Snapshots" }).getByText("clean").waitFor();
  await row.getByRole("button", { name: "Go back" }).click();
  await row.getByRole("button", { name: "Lose what came after?" }).click();
  await row.getByRole("button", { name: "Go back" }).waitFor();
  await row.getByRole("button", { name: "Delete" }).click();
  await row.getByRole("button", { name: "Delete what was written?" }).click();
  await row.waitFor({ state: "detached" });
  return { errors };
}
