/** A plugin in a file that ends the worker. */
export const DEADLY = `
import { definePlugin } from 'gatewright/sdk';
export default definePlugin({
  name: 'deadly',
  priority: 100,
  summary: 'Ends the worker.',
  schema: { type: 'object', properties: {} },
  create: () => ({ rewrite() { process.exit(1); } }),
});
`;
