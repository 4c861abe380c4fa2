/**
 * Drives Debian's Chromium by Playwright. It runs under Node (Playwright does not speak to a browser from Bun):
 *   node browser.mjs FLOW URL [FILE]   prints what the flow saw as one line of JSON
 */
import { readFileSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const [flow, url, file] = process.argv.slice(2);
const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
/** For one thing to appear, on a machine that is busy with other suites. */
const PATIENCE_MS = 120_000;
const COLOURS = {
  1: "font-weight:700",
  2: "opacity:.6",
  31: "color:#ff8a80",
  32: "color:#7bd88f",
  33: "color:#f0bd5c",
};
/** What a terminal's codes begin with. */
const ESCAPE = "\u001b";
const LATENESS_PAUSE_MS = 250;
const LATENESS_ROUNDS = 100;
const VIEWS = ["Pis", "Images", "Disks", "Doctor", "Keys"];
/** A boot in an emulated machine beside other suites. */
const BOOT_MS = 240_000;
/** What the pictures call the reference. */
const API = "api";
const FLOWS = {
  views,
  newDisk,
  choose,
  addAndKeep,
  reconnect,
  twoBrowsers,
  firstBoot,
  many,
  fromLan,
  lateness,
  pictures,
};

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
  page.setDefaultTimeout(PATIENCE_MS);
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
    [360, "light"],
    [1200, "dark"],
  ]) {
    // The page's own policy lets no script in that is not its own; axe comes by the test's hand.
    const { page, errors, requests } = await open({
      viewport: { width, height: 800 },
      colorScheme,
      bypassCSP: true,
    });
    for (const name of [...VIEWS, "The API of pinetboot"]) {
      if (name.startsWith("The API")) await page.goto(`${url}/api`);
      else await page.getByRole("link", { name, exact: true }).click();
      await page.getByRole("heading", { level: 1, name }).waitFor();
      seen.headings.push(name);
      if (name === "Disks") {
        // The widest thing there is: the commands that go with a new disk.
        await page.getByRole("button", { name: "New disk" }).click();
        await page.getByRole("heading", { name: "Your disk is ready" }).waitFor();
      }
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
  const image = page
    .getByRole("row")
    .filter({ has: page.getByRole("rowheader", { name: "uploaded", exact: true }) });
  await image.getByText("More").click();
  const lineage = image.getByRole("list", { name: "What it came from" });
  await lineage.getByText("imported from").waitFor();
  const cameFrom = await lineage.innerText();
  const saving = page.waitForEvent("download");
  await image.getByRole("link", { name: "Download .img", exact: true }).click();
  const download = await saving;
  const saved = { name: download.suggestedFilename(), bytes: statSync(await download.path()).size };
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
  return { errors, cameFrom, saved };
}

/** The server goes and comes back: the page says both by itself, and what happened meanwhile is on it. */
async function reconnect() {
  const { page } = await open();
  await page.getByRole("link", { name: "Disks" }).click();
  await page.getByText("No disk yet").waitFor();
  console.log(JSON.stringify({ ready: true }));
  await page.getByText("The server does not answer").waitFor();
  await page.getByText("Live", { exact: true }).waitFor();
  await page.getByRole("cell", { name: "blank" }).waitFor();
  return { back: true };
}

/** What one person does the other sees without touching anything. */
async function twoBrowsers() {
  const [one, other] = [await open(), await open()];
  for (const { page } of [one, other]) await page.getByRole("link", { name: "Disks" }).click();
  await one.page.getByLabel("Size").fill("32M");
  await one.page.getByRole("button", { name: "New disk" }).click();
  await one.page.getByRole("heading", { name: "Your disk is ready" }).waitFor();
  const id = await one.page.locator("tbody th code").first().textContent();
  const row = other.page.getByRole("row").filter({ hasText: id });
  await row.waitFor();
  const secretShown = await other.page.getByText("Secret").count();
  await row.getByRole("button", { name: "Delete" }).click();
  await row.getByRole("button", { name: "Delete what was written?" }).click();
  await one.page.getByRole("row").filter({ hasText: id }).waitFor({ state: "detached" });
  return { secretShown, errors: [...one.errors, ...other.errors] };
}

/** An unknown Pi, from its first question to its root: every state of its stages, and what it took of a person. */
async function firstBoot() {
  const { page, errors } = await open();
  await page.evaluate(() => {
    globalThis.seen = [];
    new MutationObserver(() => {
      const stages = [...document.querySelectorAll(".timeline li")];
      const row = stages.map(({ textContent }) => textContent.trim()).join(", ");
      if (row !== "" && row !== globalThis.seen.at(-1)) globalThis.seen.push(row);
    }).observe(document.body, { subtree: true, childList: true, characterData: true, attributes: true });
  });
  console.log(JSON.stringify({ ready: true }));
  const card = page.getByRole("article");
  await card.getByText("Nobody has chosen an image for this Pi yet").waitFor({ timeout: BOOT_MS });
  await card.getByLabel("Image").selectOption({ label: "small" });
  await card.getByRole("button", { name: "Boot this" }).click();
  await card.getByText(/^Up after/).waitFor({ timeout: BOOT_MS });
  const throughput = await card.getByText(/reads .*\/s, writes/).count();
  await card.getByText("Step by step").click();
  const steps = await card.getByRole("list", { name: "Steps of this boot" }).innerText();
  return { seen: await page.evaluate(() => globalThis.seen), throughput, steps, errors };
}

/** How long after it was reported each stage stands on the page, in milliseconds; FILE is the boot endpoint's address. */
async function lateness() {
  const { page } = await open();
  const pi = "serial=10000000abcdef12&boot=b1";
  const report = (stage, detail) =>
    fetch(`http://${file}/v1/report`, {
      method: "POST",
      body: `${pi}&stage=${stage}&state=progress&detail=${detail}`,
    });
  await report("kernel", "first");
  await page.getByRole("article").waitFor();
  await page.evaluate(() => {
    globalThis.shownAt = {};
    new MutationObserver(() => {
      const text = document.querySelector(".latest")?.textContent ?? "";
      globalThis.shownAt[text] ??= Date.now();
    }).observe(document.body, { subtree: true, childList: true, characterData: true });
  });
  const took = [];
  for (let round = 0; round < LATENESS_ROUNDS; round += 1) {
    const detail = `round-${round}`;
    const at = Date.now();
    await report("network", detail);
    await page.getByText(detail, { exact: true }).first().waitFor();
    took.push((await page.evaluate((text) => globalThis.shownAt[text], detail)) - at);
    // As a Pi spreads what it says; one that says too much at once is not heard for a while.
    await page.waitForTimeout(LATENESS_PAUSE_MS);
  }
  return { took };
}

/** Every view as a picture, wide and light, and the Pis also narrow and dark; then what the terminal shows, which is in a file. */
async function pictures() {
  const { folder, screen } = JSON.parse(file);
  const wide = { viewport: { width: 1200, height: 760 }, colorScheme: "light" };
  const dark = { ...wide, colorScheme: "dark" };
  const narrow = { viewport: { width: 390, height: 844 }, colorScheme: "dark", deviceScaleFactor: 2 };
  for (const { kind, options, views } of [
    { kind: "", options: wide, views: [...VIEWS, API] },
    { kind: "-dark", options: dark, views: [API] },
    { kind: "-phone", options: narrow, views: ["Pis", API] },
  ]) {
    const { page } = await open(options);
    for (const view of views) {
      if (view === API) await page.goto(`${url}/api`);
      else {
        await page.getByRole("link", { name: view, exact: true }).click();
        await page.getByRole("heading", { level: 1, name: view }).waitFor();
      }
      if (view === "Keys") {
        await page.getByLabel("For which program").fill("rack-3");
        await page.getByRole("button", { name: "New key" }).click();
        await page.getByRole("heading", { name: "The key of rack-3" }).waitFor();
      }
      if (view === "Disks") {
        await page.getByText(/reads .*\/s, writes/).waitFor();
        await page.getByRole("button", { name: "New disk" }).click();
        await page.getByRole("heading", { name: "Your disk is ready" }).waitFor();
      }
      if (view === "Doctor") {
        await page.getByRole("button", { name: "Look what is wrong" }).click();
        await page.getByRole("button", { name: "Look again" }).waitFor();
      }
      await page.screenshot({
        path: `${folder}/page-${view.toLowerCase()}${kind}.png`,
        fullPage: view === "Pis" && kind === "",
      });
    }
  }
  await terminal(readFileSync(screen, "utf8"), `${folder}/watch.png`);
  return {};
}

/** Draws a terminal's text with its colours. */
async function terminal(text, path) {
  const escaped = text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  const html = escaped
    .replaceAll(new RegExp(`${ESCAPE}\\[(\\d+)m`, "g"), (_, code) =>
      code === "0" ? "</span>" : `<span style="${COLOURS[code]}">`,
    )
    .replaceAll(new RegExp(`${ESCAPE}\\[[\\d;?]*[A-Za-z]`, "g"), "");
  const page = await browser.newPage({ viewport: { width: 1000, height: 600 } });
  await page.setContent(
    `<pre style="display:inline-block;margin:0;padding:16px;background:#15181b;color:#e8ebee;font:14px/1.35 monospace">${html}</pre>`,
  );
  await page.locator("pre").screenshot({ path });
}

/** A name and a group for one of two Pis; then the group is told to blink, and all get an image. */
async function many() {
  const { page, errors } = await open();
  const card = page.getByRole("article").filter({ hasText: "Pi 400" });
  await card.getByText("Name, group, LED").click();
  await card.getByLabel("Name", { exact: true }).fill("bench <1>");
  await card.getByLabel("Group", { exact: true }).fill("lab");
  await card.getByRole("button", { name: "Save" }).click();
  await page.getByRole("heading", { level: 3, name: "bench <1>" }).waitFor();
  await page.getByText("Many at once").click();
  const panel = page.locator("details.panel");
  const results = panel.getByRole("status");
  await panel.getByLabel("Which").selectOption({ label: "group lab" });
  await panel.getByRole("button", { name: "Blink" }).click();
  await results.waitFor();
  const blinked = await results.getByRole("listitem").allInnerTexts();
  await panel.getByLabel("Which").selectOption({ label: "all Pis" });
  await panel.getByLabel("Image for many").selectOption({ label: "tiny" });
  await panel.getByRole("button", { name: /^Boot it on/ }).click();
  await results.getByText("Boots").first().waitFor();
  return { blinked, assigned: await results.getByText("Boots").count(), errors };
}

/**
 * A browser on another computer: in by the link of the terminal, a key for a program is made, copied, used and taken
 * back; what strangers called themselves on the network is text.
 */
async function fromLan() {
  const { page, errors } = await open();
  const origin = new URL(page.url()).origin;
  await page.getByRole("link", { name: "Doctor", exact: true }).click();
  const stranger = page.getByRole("row").filter({ hasText: "02:00:00:00:00:09" });
  await stranger.waitFor();
  const said = await stranger.getByRole("rowheader").innerText();
  const images = await page.locator("main img").count();
  const ran = await page.evaluate(() => globalThis.ran ?? "nothing ran");
  await page.getByRole("link", { name: "Keys", exact: true }).click();
  await page.getByLabel("For which program").fill("rack <3>");
  await page.getByRole("button", { name: "New key" }).click();
  await page.getByRole("button", { name: "Copy Key" }).click();
  await page.getByRole("button", { name: "Copy Key" }).getByText("Copied").waitFor();
  await page.getByLabel("For which program").focus();
  await page.keyboard.press("Control+V");
  const key = await page.getByLabel("For which program").inputValue();
  await page.getByRole("button", { name: "I have it" }).click();
  const stays = (await page.locator("main").innerText()).includes(key);
  const use = async () =>
    (await fetch(`${origin}/api/sessions`, { headers: { authorization: `Bearer ${key}` } })).status;
  const before = await use();
  const row = page.getByRole("row").filter({ hasText: "rack <3>" });
  await row.getByRole("button", { name: "Take back" }).click();
  await row.getByRole("button", { name: /^Keep rack <3> out/ }).click();
  await row.waitFor({ state: "detached" });
  const again = await fetch(url);
  return {
    said,
    images,
    ran,
    keyLength: key.length,
    stays,
    before,
    after: await use(),
    again: again.status,
    errors,
  };
}
