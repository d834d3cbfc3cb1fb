import path from 'node:path';

/** Where a file stands in the house. */
export interface Place {
  /** Path relative to src/, with forward slashes. */
  readonly inside: string;
  /** The folder of src/ that it belongs to, '' for a file directly in src/. */
  readonly folder: string;
  readonly isTest: boolean;
}

/** The place of a file under src/ of the repository at `root`, undefined for files elsewhere. */
export function placeOf(root: string, file: string): Place | undefined {
  const relative = path.relative(path.join(root, 'src'), file);
  if (relative === '' || relative.startsWith('..') || path.isAbsolute(relative)) return undefined;
  const inside = relative.split(path.sep).join('/');
  const slash = inside.indexOf('/');
  return {
    inside,
    folder: slash === -1 ? '' : inside.slice(0, slash),
    isTest: inside.endsWith('.test.ts'),
  };
}
