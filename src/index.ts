/** `gatewright`: what a configuration written in TypeScript is typed with. Plugins are written with `gatewright/sdk`. */
export { defineConfig } from './config/define-config.ts';
export type { ConfigurationFile } from './config/define-config.ts';
