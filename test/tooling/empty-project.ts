/** The package as npm makes and installs it: packed, and a project's environment. */
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { promisify } from 'node:util';

const ROOT = path.resolve(import.meta.dirname, '../..');
const PACKED = ['bin', 'src', 'package.json', 'tsconfig.json', 'tsconfig.build.json', 'README.md', 'LICENSE'];

/** What `npm pack` makes of this checkout. @returns the path of the tarball, in `folder` */
export async function pack(folder: string): Promise<string> {
  // A copy, so that a build under way never meets another one's.
  const copy = path.join(folder, 'copy');
  mkdirSync(copy);
  for (const name of PACKED) cpSync(path.join(ROOT, name), path.join(copy, name), { recursive: true });
  symlinkSync(path.join(ROOT, 'node_modules'), path.join(copy, 'node_modules'));
  const env = { ...process.env, PATH: `${path.join(ROOT, 'node_modules/.bin')}:${process.env['PATH']}` };
  const args = ['pack', '--silent', '--pack-destination', folder];
  await promisify(execFile)('npm', args, { cwd: copy, env, timeout: 100_000 });
  const name = readdirSync(folder).find((one) => one.endsWith('.tgz'));
  if (name === undefined) throw new Error('npm packed nothing');
  return path.join(folder, name);
}

/**
 * The environment of somebody who has that Node.js alone. Dependencies come from npm's cache where they are in it, as those of
 * this checkout are. @param node the folder of the program `node`
 */
export function projectEnvironment(node: string): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(?:npm_|NODE_|INIT_CWD)/i.test(name) || /^npm_config_(?:cache|registry|userconfig)$/i.test(name),
  );
  const PATH = [node, process.env['PATH']].join(':');
  return { ...Object.fromEntries(kept), PATH, npm_config_prefer_offline: 'true' };
}
