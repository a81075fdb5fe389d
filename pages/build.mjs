// Builds the pages into cti/web/static: bundles the sources, copies the page's frame with the names of
// the bundles in it, writes the licences of the packages that went in, and lays compressed copies beside what browsers
// load (the server sends those to who takes them).
//
// File names carry a hash of their content, so the server may let browsers keep everything but
// index.html for ever. RINGDESK_PAGES_OUT names another output folder (tests use it).

import { mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import * as esbuild from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const out = resolve(process.env.RINGDESK_PAGES_OUT ?? join(here, "..", "cti", "web", "static"));

// wavesurfer writes a <style> element into its shadow root, which our content security policy refuses.
// It becomes a <template>, inert; src/components/Player.tsx adopts its text as a constructed style sheet.
const inertStyle = {
  name: "inert-style",
  setup(build) {
    build.onLoad({ filter: /wavesurfer\.esm\.js$/ }, async ({ path }) => {
      const source = await readFile(path, "utf8");
      const opening = source.match(/<style\$\{/g) ?? [];
      const closing = source.match(/<\/style>/g) ?? [];
      if (opening.length !== 1 || closing.length !== 1) {
        return { errors: [{ text: `wavesurfer.js has ${opening.length} style elements, expected 1: look at build.mjs` }] };
      }
      const contents = source.replace("<style${", "<template${").replace("</style>", "</template>");
      return { contents, loader: "js" };
    });
  },
};

// A dependency's licence text, whatever its file is called.
async function licenceOf(folder) {
  const names = (await readdir(folder)).filter((name) => /^licen[cs]e(\.|$)/i.test(name));
  return names.length ? readFile(join(folder, names[0]), "utf8") : "";
}

async function licences(metafile) {
  const folders = new Set();
  for (const input of Object.keys(metafile.inputs)) {
    const match = input.match(/^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//);
    if (match) folders.add(resolve(here, match[1]));
  }
  const parts = [];
  for (const folder of [...folders].sort()) {
    const about = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
    parts.push(`${about.name} ${about.version} (${about.license})\n\n${(await licenceOf(folder)).trim()}\n`);
  }
  return parts.join(`\n${"-".repeat(80)}\n\n`);
}

await rm(out, { recursive: true, force: true });
await mkdir(out, { recursive: true });
const result = await esbuild.build({
  absWorkingDir: here,
  entryPoints: { app: "src/main.tsx", style: "src/styles/app.css" },
  outdir: out,
  entryNames: "[name]-[hash]",
  chunkNames: "chunk-[hash]",
  bundle: true,
  format: "esm",
  splitting: true,
  minify: true,
  sourcemap: true,
  target: ["es2022"],
  jsx: "automatic",
  jsxImportSource: "preact",
  legalComments: "none",
  define: { "process.env.NODE_ENV": '"production"' },
  plugins: [inertStyle],
  metafile: true,
  logLevel: "warning",
});

const built = Object.entries(result.metafile.outputs).map(([path, output]) => ({
  name: relative(out, resolve(here, path)),
  entry: output.entryPoint,
  bytes: output.bytes,
}));
const named = (entry) => built.find((file) => file.entry === entry).name;
const frame = await readFile(join(here, "src", "index.html"), "utf8");
const page = frame.replace("%SCRIPT%", named("src/main.tsx")).replace("%STYLE%", named("src/styles/app.css"));
await writeFile(join(out, "index.html"), page);
// For other people's pages, under a name that stays.
const clickToCall = await readFile(join(here, "src", "click-to-call.js"), "utf8");
await writeFile(join(out, "click-to-call.js"), (await esbuild.transform(clickToCall, { minify: true, target: "es2020" })).code);
await writeFile(join(out, "favicon.svg"), await readFile(join(here, "src", "favicon.svg")));
await writeFile(join(out, "licences.txt"), await licences(result.metafile));
for (const file of await readdir(out)) {
  if (!/\.(js|css|html|svg)$/.test(file)) continue;
  const whole = await readFile(join(out, file));
  const small = brotliCompressSync(whole, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } });
  await writeFile(join(out, `${file}.br`), small);
  await writeFile(join(out, `${file}.gz`), gzipSync(whole, { level: 9 }));
  console.log(`${file}  ${Math.ceil(whole.length / 1024)} kB, ${Math.ceil(small.length / 1024)} kB compressed`);
}
