// Looks at the pages of `timeline` and `serve` in a real browser: nothing on the console, nothing for axe to report,
// the same page after each change, and a picture of each for a person to look at.
//
//     node check.js PROGRAM DIRECTORY
//
// PROGRAM is migrate-infra, DIRECTORY is where the pictures go. CHROMIUM names the browser [/usr/bin/chromium].

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { pathToFileURL } from "node:url";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const [program, pictures] = process.argv.slice(2).map((path) => resolve(path));
assert(program && pictures, "usage: node check.js PROGRAM DIRECTORY");
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const stack = mkdtempSync(join(tmpdir(), "pages-"));
const SANDBOX = ["--sandbox", "--sandbox-timing"];

const run = (...words) => {
  const result = spawnSync(program, words, { cwd: stack, encoding: "utf8" });
  assert.equal(result.status, 0, `${words.join(" ")}: ${result.stderr}`);
};
const start = (...words) => spawn(program, words, { cwd: stack, stdio: ["ignore", "pipe", "ignore"] });
const ended = (child) => (child.exitCode === null ? new Promise((done) => child.on("exit", done)) : child.exitCode);

const serve = async (port) => {
  const child = start("serve", "--sandbox", "--output", "json", "--port", port);
  for await (const line of createInterface({ input: child.stdout })) return [child, JSON.parse(line).url];
  throw new Error("`serve` has ended");
};

// A connection that is lost on purpose is an error on the console; nothing else is.
let problems = [];
const watched = async (context) => {
  const page = await context.newPage();
  page.on("console", (message) => ["error", "warning"].includes(message.type()) && problems.push(message.text()));
  page.on("pageerror", (error) => problems.push(String(error)));
  return page;
};
const quiet = (what) => assert.deepEqual(problems, [], `${what}: the console`);

const look = async (page, name) => {
  for (const colorScheme of ["light", "dark"]) {
    for (const width of [1280, 400]) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 900 });
      await page.screenshot({ path: join(pictures, `${name}-${width}-${colorScheme}.png`), fullPage: true });
      const wider = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
      assert(wider <= 0, `${name} at ${width} pixels is ${wider} pixels too wide`);
      // A page may forbid scripts of its own; axe comes from outside.
      const report = await page.evaluate(`${axe}; axe.run(document, { resultTypes: ["violations"] })`);
      const found = report.violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.html).join(" | ")}`);
      assert.deepEqual(found, [], `${name} at ${width} pixels, ${colorScheme}: axe`);
    }
  }
  await page.emulateMedia({ media: "print", colorScheme: "light" });
  await page.pdf({ path: join(pictures, `${name}.pdf`), format: "A4", printBackground: false });
  await page.emulateMedia({ media: "screen" });
  quiet(name);
};

mkdirSync(pictures, { recursive: true });
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"],
});
const children = [];
try {
  const context = await browser.newContext();
  const status = (page, text) => page.getByRole("status").filter({ hasText: text }).waitFor({ timeout: 60_000 });

  // A page that is served: without a run, then during one.
  run("init");
  const [first, url] = await serve("0");
  children.push(first);
  const live = await watched(context);
  await live.goto(url);
  await status(live, "Waiting for a run.");
  await look(live, "live-waiting");
  const up = start("up", ...SANDBOX, "real", "-y");
  children.push(up);
  await status(live, "The run is under way.");
  // What is unfolded, and where the keyboard is, stay over changes.
  const vpc = live.locator("summary", { hasText: "source/network/vpc" }).first();
  await vpc.focus();
  await live.keyboard.press("Enter");
  const before = await live.locator("tbody tr").count();
  await live.waitForFunction((count) => document.querySelectorAll("tbody tr").length > count, before);
  assert(await live.locator("details[open] summary", { hasText: "source/network/vpc" }).count(), "it stays unfolded");
  assert.match(await live.evaluate(() => document.activeElement.textContent), /source\/network\/vpc/, "it keeps the focus");
  await look(live, "live-up");
  // The driver is killed and starts again: another run.
  up.kill("SIGKILL");
  await status(live, "The run was killed.");
  run("up", ...SANDBOX, "instant", "-y");
  await status(live, "The run has ended: done.");
  quiet("after a restart of the driver");
  await look(live, "live-ended");
  // The server goes away, and comes back with another address; the old page says so and does not fail.
  const { port } = new URL(url);
  first.kill("SIGINT");
  await ended(first);
  await status(live, "The connection is lost.");
  const [second, other] = await serve(port);
  children.push(second);
  assert.notEqual(other, url, "the address has another secret");
  await live.close();
  problems = [];

  // A cutover, live.
  run("replication", "start", ...SANDBOX, "instant", "-y");
  const cutover = await watched(context);
  await cutover.goto(other);
  run("cutover", ...SANDBOX, "instant", "-y");
  await status(cutover, "The run has ended: done.");
  await cutover.locator("#gates").waitFor();
  await look(cutover, "live-cutover");
  await cutover.close();

  // The pages that are files.
  for (const [name, which] of [["cutover", undefined], ["up", "up"]]) {
    const all = spawnSync(program, ["runs", "list", "--sandbox", "--output", "json"], { cwd: stack, encoding: "utf8" });
    const id = which && JSON.parse(all.stdout).find((one) => one.command === which && one.outcome === "done").id;
    run("timeline", ...(id ? [id] : []), "--sandbox", "--html", `${name}.html`);
    const page = await watched(context);
    await page.goto(pathToFileURL(join(stack, `${name}.html`)).href);
    await look(page, name);
    await page.close();
  }
  console.log(`the pages are in order; the pictures are in ${pictures}`);
} finally {
  await browser.close();
  for (const child of children) child.kill("SIGKILL");
  rmSync(stack, { recursive: true, force: true });
}
