/** Nothing that is committed may be marked as unfinished. In TypeScript the linter sees to it; this is for all other text. */
import { lstatSync, readFileSync } from 'node:fs';
import { trackedFiles } from './tracked-files.ts';

const MARK = /\b(?:TODO|FIXME|XXX)\b/;
const TEXT = /(?:^|\/)[^.]+$|\.(?:md|ya?ml|json|sh|conf|cfg|service|txt)$/;
const MADE = /^package-lock\.json$|^test\/(?:golden|corpus)\//;

let found = 0;
for (const file of trackedFiles()) {
  // The linter's own settings have to name the marks.
  if (!TEXT.test(file) || MADE.test(file) || file === '.oxlintrc.json') continue;
  if (!lstatSync(file).isFile()) continue;
  for (const [index, line] of readFileSync(file, 'utf8').split('\n').entries()) {
    if (!MARK.test(line)) continue;
    found++;
    console.log(`${file}:${index + 1}: marked as unfinished: ${line.trim()}`);
  }
}
process.exitCode = found === 0 ? 0 : 1;
