/** What a configuration written in TypeScript is typed with. */
import type { Offer } from '../sdk/schema.ts';
import type { fileSchema } from './file-schema.ts';

/** Everything that a file may say. */
export type ConfigurationFile = Offer<typeof fileSchema>;

/** Gives back its argument: it exists for the types, as in `export default defineConfig({ routes: [ … ] })`. */
export function defineConfig(file: ConfigurationFile): ConfigurationFile {
  return file;
}
