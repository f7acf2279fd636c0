// Builds the pages into the package: `npm ci && npm run build` in this folder.
// Beside each it records the hash of the sources, so that a test notices built files that are older.
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { build } from "esbuild";

const here = import.meta.dirname;
const packageFolder = join(here, "..", "layoutgen");

function sources(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) =>
    entry.isDirectory() ? sources(join(folder, entry.name)) : [join(folder, entry.name)],
  );
}

// As tests/test_web.py computes it: names and contents, in the order of the names.
function fingerprint(page) {
  const files = [
    ...sources(join(here, "shared")),
    ...sources(join(here, page)),
    join(here, "build.mjs"),
    join(here, "package-lock.json"),
  ];
  const named = files.map((file) => [relative(here, file).split(sep).join("/"), file]);
  named.sort(([a], [b]) => (a < b ? -1 : 1));
  const digest = createHash("sha256");
  for (const [name, file] of named) digest.update(`${name}\n`).update(readFileSync(file)).update("\n");
  return digest.digest("hex");
}

// The licences of the libraries that are inside a page; all ask that their text goes along.
function licences({ inputs }) {
  const names = Object.keys(inputs).map((file) => /node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(file)?.[1]);
  return [...new Set(names)]
    .filter(Boolean)
    .sort()
    .map((name) => {
      const folder = join(here, "node_modules", name);
      const { version } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
      return `${name} ${version}\n\n${readFileSync(join(folder, "LICENSE"), "utf8").trim()}\n`;
    })
    .join("\n\n");
}

for (const page of ["gallery", "design"]) {
  const folder = join(packageFolder, page, "static");
  const { metafile } = await build({
    entryPoints: { [page]: join(here, page, "main.tsx") },
    bundle: true,
    minify: true,
    target: ["chrome110", "firefox115", "safari16.4"],
    jsx: "automatic",
    jsxImportSource: "preact",
    legalComments: "inline",
    charset: "ascii",
    outdir: folder,
    metafile: true,
    logLevel: "info",
  });
  const html = join(here, page, "index.html"); // that of the gallery is made around its data
  if (existsSync(html)) copyFileSync(html, join(folder, "index.html"));
  writeFileSync(join(folder, "LICENSES.txt"), licences(metafile));
  writeFileSync(join(folder, "sources.sha256"), `${fingerprint(page)}\n`);
}
