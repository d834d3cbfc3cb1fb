/** `gatewright`: what a configuration written in TypeScript is typed with. Plugins are written with `gatewright/sdk`. */
export { defineConfig } from './builders/define-config.ts';
export * from './builders/index.ts';
export { use } from './builders/use.ts';
