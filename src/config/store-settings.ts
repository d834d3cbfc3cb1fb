/** The key `gateway.store`: where objects come from. */
import type { Infer, Schema } from '../sdk/schema.ts';
import type { Problem } from '../model/problem.ts';

const FILE = { type: 'string', minLength: 1, maxLength: 4096 } as const satisfies Schema;

export const STORE_SETTINGS = {
  type: 'object',
  default: {},
  description: 'Where objects come from.',
  properties: {
    type: {
      enum: ['file', 'embedded', 'etcd'],
      default: 'file',
      description: 'file: this file, watched; embedded: a SQLite file; etcd is not available in this version.',
    },
    path: {
      ...FILE,
      description: 'embedded: the file, gatewright.db by default; relative to the configuration file.',
    },
    key_file: {
      ...FILE,
      description: "embedded: where the keys are that secrets are encrypted by, the store's path with .key by default.",
    },
    max_bytes: {
      type: 'integer',
      minimum: 1_048_576,
      maximum: Number.MAX_SAFE_INTEGER,
      description: 'embedded: the file grows no larger; 1 GiB by default.',
    },
  },
} as const satisfies Schema;

/** What the schema cannot say. */
export function checkStore(store: Infer<typeof STORE_SETTINGS>, hasAdmin: boolean): Problem[] {
  if (store.type === 'etcd') {
    const message = `the store "${store.type}" is not available in this version: write file or embedded`;
    return [{ path: 'gateway.store.type', value: store.type, code: 'not_available', message }];
  }
  if (store.type !== 'file') return [];
  const { type: _type, ...others } = store;
  const problems = Object.keys(others).map((attribute): Problem => {
    const message = `the store "file" has no ${attribute}: it is this file`;
    return { path: `gateway.store.${attribute}`, code: 'conflict', message };
  });
  if (hasAdmin) {
    const message = 'the Admin API needs a store that takes changes: write gateway.store.type: embedded';
    problems.push({ path: 'gateway.admin', code: 'conflict', message });
  }
  return problems;
}
