const pluginOf = (before: string): string => `
import { definePlugin } from 'gatewright/sdk';
${before}
export default definePlugin({
  name: 'deadly',
  priority: 100,
  summary: 'Ends the worker.',
  schema: { type: 'object', properties: {} },
  create: () => ({ rewrite() { process.exit(1); } }),
});
`;

/** A plugin in a file that ends the worker. */
export const DEADLY = pluginOf('');

/** As that, and it ends each worker that begins while there is a file `deadly` beside it. */
export const DEADLY_AT_START = pluginOf(`
import { existsSync } from 'node:fs';
import { workerData } from 'node:worker_threads';
if (workerData?.role === 'worker' && existsSync(new URL('deadly', import.meta.url))) process.exit(1);
`);
