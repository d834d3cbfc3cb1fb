/**
 * `gatewright`: a gateway inside of a program, and what a configuration in TypeScript is typed with. Plugins are written with
 * `gatewright/sdk`.
 */
import type { CreateGatewayOptions, Gateway } from './embed/contract.ts';

export { defineConfig } from './builders/define-config.ts';
export * from './builders/index.ts';
export { use } from './builders/use.ts';
export { ConfigurationError } from './config/configuration-error.ts';
export type * from './embed/contract.ts';
export type { Problem, ProblemCode } from './model/problem.ts';

/**
 * Makes a gateway of a configuration: it answers `fetch` at once, and has ports from `start` on. It takes no signals, never
 * ends the process, and shares nothing with other gateways: a program may have several. Rejects with a ConfigurationError
 * that has all problems.
 */
export async function createGateway(options: CreateGatewayOptions): Promise<Gateway> {
  // Loaded here: who imports this module for types and builders alone does not load a gateway.
  const embed = await import('./embed/create-gateway.ts');
  return embed.createGateway(options);
}
