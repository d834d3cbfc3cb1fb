/** What a configuration written in TypeScript is typed with. */
import type { ConfigurationFile } from './configuration-file.ts';

/**
 * Gives back its argument: it exists for the types, as in `export default defineConfig({ routes: [ … ] })`. An attribute
 * that does not exist is an error in the editor, and completion shows what each one is for.
 */
export function defineConfig(file: ConfigurationFile): ConfigurationFile {
  return file;
}
