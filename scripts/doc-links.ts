/** Every link of a Markdown page to a file of the repository, or to a heading of one, has to lead somewhere. */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { trackedFiles } from './tracked-files.ts';

interface Link {
  readonly line: number;
  readonly target: string;
}

/** The text without fenced blocks and inline code, line by line, where brackets are not links. */
function proseLines(text: string): string[] {
  let fence = '';
  return text.split('\n').map((line) => {
    const mark = /^\s*(`{3,}|~{3,})/.exec(line)?.[1];
    if (mark !== undefined && (fence === '' || mark.startsWith(fence))) {
      fence = fence === '' ? mark : '';
      return '';
    }
    return fence === '' ? line.replaceAll(/`[^`]*`/g, (code) => ' '.repeat(code.length)) : '';
  });
}

/** Inline links and link definitions, images included. */
export function linksOf(text: string): Link[] {
  const links: Link[] = [];
  for (const [index, line] of proseLines(text).entries()) {
    for (const match of line.matchAll(/\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)|^\s*\[[^\]]+\]:\s+(\S+)/g)) {
      links.push({ line: index + 1, target: match[1] ?? match[2] ?? '' });
    }
  }
  return links;
}

/** The anchors of a page's headings, as the usual renderers make them. */
export function anchorsOf(text: string): Set<string> {
  const anchors = new Set<string>();
  const withCode = text.split('\n');
  for (const [index, line] of proseLines(text).entries()) {
    if (!/^#{1,6} /.test(line)) continue;
    const title = (withCode[index] ?? '').replace(/^#+ /, '').replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1');
    const slug = title
      .trim()
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(/\s/g, '-');
    let anchor = slug;
    for (let count = 1; anchors.has(anchor); count++) anchor = `${slug}-${count}`;
    anchors.add(anchor);
  }
  return anchors;
}

/** Why a link on `page` leads nowhere, undefined if it leads somewhere. Addresses outside the repository are not asked. */
function problemOf(page: string, target: string): string | undefined {
  if (/^[a-z][a-z0-9+.-]*:/i.test(target)) return undefined;
  const [file = '', anchor = ''] = target.split('#');
  const destination = file === '' ? page : path.join(path.dirname(page), decodeURIComponent(file));
  if (!existsSync(destination)) return `no such file: ${target}`;
  if (anchor === '' || !destination.endsWith('.md')) return undefined;
  const anchors = anchorsOf(readFileSync(destination, 'utf8'));
  return anchors.has(anchor) ? undefined : `no heading of ${destination} has the anchor #${anchor}`;
}

if (import.meta.main) {
  const pages = trackedFiles().filter((file) => file.endsWith('.md'));
  let broken = 0;
  for (const page of pages) {
    for (const { line, target } of linksOf(readFileSync(page, 'utf8'))) {
      const problem = problemOf(page, target);
      if (problem === undefined) continue;
      broken++;
      console.log(`${page}:${line}: ${problem}`);
    }
  }
  process.exitCode = broken === 0 ? 0 : 1;
}
