/**
 * A process for tests of the embedded store: writes two objects at a time, with the same number, and tells of each accepted
 * write. Arguments: the file, the bytes that it may have at most.
 */
import { GcmCipher } from '../../src/store/gcm-cipher.ts';
import { Secrets } from '../../src/model/secrets.ts';
import { EmbeddedStore } from '../../src/store/embedded.ts';
import { loadKeys } from '../../src/store/key-file.ts';
import { StoreError } from '../../src/store/store-error.ts';

const [path = '', max_bytes = '1e9'] = process.argv.slice(2);
const { keys } = loadKeys(`${path}.key`);
const store = new EmbeddedStore(
  {
    path,
    max_bytes: Number(max_bytes),
    cipher: new GcmCipher(new Secrets(() => undefined), keys),
    keyId: keys[0].id,
    knownKeyIds: keys.map(({ id }) => id),
  },
  {
    now_ms: () => Date.now(),
    schedule: () => () => undefined,
    onFault: () => undefined,
  },
);

const tell = (message: object): void => void process.stdout.write(`${JSON.stringify(message)}\n`);

const before = await store.get({ kind: 'routes', id: 'one' });
let number = Number(before?.value['priority'] ?? 0);
// Enough for any test: the parent ends this process.
for (let i = 0; i < 100_000; i++) {
  number++;
  const value = { priority: number, desc: 'x'.repeat(2_000) };
  try {
    await store.write([
      { op: 'put', kind: 'routes', id: 'one', value },
      { op: 'put', kind: 'services', id: 'two', value },
      { op: 'put', kind: 'routes', id: `n${number % 7}`, value },
    ]);
    tell({ accepted: number });
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    const { code, message } = error;
    const read = await store.get({ kind: 'routes', id: 'one' });
    tell({ refused: code, message, read: read?.value['priority'] });
    break;
  }
}
await store.close();
