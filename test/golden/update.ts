/** Rewrites the expected outputs. What changed is for the reader of the diff to judge. */
import { existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { render } from './render.ts';

const folder = new URL('cases/', import.meta.url);
let written = 0;
for (const name of readdirSync(folder)) {
  if (name.endsWith('.out.json') && !existsSync(new URL(name.replace('.out.json', '.in.yaml'), folder))) {
    rmSync(new URL(name, folder));
  }
  if (!name.endsWith('.in.yaml')) continue;
  const output = new URL(name.replace('.in.yaml', '.out.json'), folder);
  const text = render(readFileSync(new URL(name, folder), 'utf8'));
  if (existsSync(output) && readFileSync(output, 'utf8') === text) continue;
  writeFileSync(output, text);
  written++;
}
console.log(`${written} outputs written`);
