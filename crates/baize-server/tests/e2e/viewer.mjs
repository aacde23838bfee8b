// Opens OHIF in a headless Chromium on a study of the server under test: the work list names the patient, the viewer shows
// the image, and the structured report stands in the list of series and opens with its finding over the image.
//
// OHIF comes from an origin of its own, as in a hospital where another server hands it out.

import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";

const task = JSON.parse(process.argv[2]);
const { chromium } = createRequire(path.join(task.packages, "x.js"))("playwright-core");
const dist = path.join(task.packages, "@ohif/app/dist");

const kinds = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".css": "text/css",
  ".json": "application/json",
  ".wasm": "application/wasm",
  ".svg": "image/svg+xml",
  ".png": "image/png",
  ".ico": "image/x-icon",
};

const dicomweb = `${task.server}/dicomweb`;
const configuration = `window.config = ${JSON.stringify({
  routerBasename: "/",
  extensions: [],
  modes: [],
  showStudyList: true,
  showLoadingIndicator: true,
  defaultDataSourceName: "baize",
  dataSources: [
    {
      namespace: "@ohif/extension-default.dataSourcesModule.dicomweb",
      sourceName: "baize",
      configuration: {
        friendlyName: "Baize",
        name: "baize",
        qidoRoot: dicomweb,
        wadoRoot: dicomweb,
        qidoSupportsIncludeField: true,
        imageRendering: "wadors",
        thumbnailRendering: "wadors",
        enableStudyLazyLoad: true,
        supportsFuzzyMatching: true,
        supportsWildcard: true,
        dicomUploadEnabled: false,
        bulkDataURI: { enabled: true },
      },
    },
  ],
})};`;

async function file(name) {
  try {
    return [await readFile(path.join(dist, name)), kinds[path.extname(name)] ?? "application/octet-stream"];
  } catch {
    // The application has pages that no file stands for.
    return [await readFile(path.join(dist, "index.html")), "text/html"];
  }
}

const server = createServer(async (request, response) => {
  const name = path.normalize(new URL(request.url, "http://x").pathname);
  const [body, kind] =
    name === "/app-config.js" ? [configuration, "text/javascript"] : await file(name === "/" ? "index.html" : name);
  response.writeHead(200, { "Content-Type": kind }).end(body);
});
await new Promise((listening) => server.listen(task.port, "127.0.0.1", listening));

const browser = await chromium.launch({
  executablePath: task.chromium,
  args: ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"],
});
const context = await browser.newContext({
  viewport: { width: 1600, height: 1000 },
  extraHTTPHeaders: { "X-API-Key": task.key },
});
const page = await context.newPage();
page.setDefaultTimeout(120_000);

const trouble = [];
const requests = [];
page.on("console", (message) => message.type() === "error" && trouble.push(`console: ${message.text()}`));
page.on("pageerror", (error) => trouble.push(`page: ${error.message}`));
page.on("response", (response) => {
  if (!response.url().startsWith(task.server)) return;
  requests.push(`${response.status()} ${response.url().slice(dicomweb.length)}`);
  if (response.status() >= 400) trouble.push(`answer: ${response.status()} ${response.url()}`);
});
page.on("requestfailed", (request) => {
  const reason = request.failure()?.errorText;
  // What a page no longer needs when it is left.
  if (reason !== "net::ERR_ABORTED") trouble.push(`request: ${reason} ${request.url()}`);
});

// How many grey levels the large viewport shows; a blank one shows one.
const levels = () =>
  Math.max(
    0,
    ...[...document.querySelectorAll(".viewport-element canvas")].map((canvas) => {
      const context = canvas.getContext("2d");
      if (!context || !canvas.width || !canvas.height) return 0;
      const { data } = context.getImageData(0, 0, canvas.width, canvas.height);
      const seen = new Set();
      for (let at = 0; at < data.length; at += 4) seen.add(data[at]);
      return seen.size;
    }),
  );

let failure;
try {
  const home = `http://127.0.0.1:${task.port}`;
  await page.goto(home);
  await page.getByText(task.patient).first().waitFor();
  await page.screenshot({ path: path.join(task.screenshots, "worklist.png") });

  await page.goto(`${home}/viewer?StudyInstanceUIDs=${task.study}`);
  await page.getByText("Skip all").click();
  await page.getByText("Confirm and hide").click();
  await page.waitForFunction(`(${levels})() > 16`);
  for (const modality of task.modalities) {
    await page.getByText(modality, { exact: true }).first().waitFor();
  }
  await page.screenshot({ path: path.join(task.screenshots, "viewer.png") });

  // Opened, the report shows its finding over the image.
  await page.getByText("SR", { exact: true }).last().dblclick();
  await page.getByText(/Certainty of Finding: \d/).first().waitFor();
  await page.screenshot({ path: path.join(task.screenshots, "report.png") });
} catch (error) {
  failure = error;
  await page.screenshot({ path: path.join(task.screenshots, "failure.png") }).catch(() => {});
}
await browser.close();
server.close();
console.log(requests.join("\n"));
if (failure || trouble.length > 0) {
  console.error(failure?.message ?? "the viewer ran into trouble", "\n", trouble.join("\n"));
  process.exit(1);
}
