/** Made by "npm run reference" from the schemas: changes belong there. */
import type { Meta } from '../meta.ts';

/** The attributes of fault-injection. */
export interface FaultInjection {
  /** Answers in place of the upstream. */
  readonly abort?: {
    /** Status of the answer. Bounds: 200 to 599. */
    readonly http_status: number;
    /** Its body, with variables such as `$remote_addr`. Bounds: ≥ 0 characters. */
    readonly body?: string;
    /** Its fields, with variables. */
    readonly headers?: {
      readonly [name: string]: string | number;
    };
    /** How many of a hundred requests; without it, all. Bounds: 0 to 100. */
    readonly percentage?: number;
    /** Lists of conditions on variables: it takes part where all of one list hold. Bounds: ≤ 20 items. */
    readonly vars?: readonly (readonly unknown[])[];
  };
  /** Lets requests wait before they go on. */
  readonly delay?: {
    /** How long, in seconds. Bounds: 0 to 50. */
    readonly duration: number;
    /** How many of a hundred requests; without it, all. Bounds: 0 to 100. */
    readonly percentage?: number;
    /** Lists of conditions on variables: it takes part where all of one list hold. Bounds: ≤ 20 items. */
    readonly vars?: readonly (readonly unknown[])[];
  };
  /** How the gateway treats this configuration of the plugin. */
  readonly _meta?: Meta;
}

/** Answers requests with an error, or lets them wait, to see how clients take it. */
export function faultInjection(attributes: FaultInjection = {}): { readonly 'fault-injection': FaultInjection } {
  return { 'fault-injection': attributes };
}
