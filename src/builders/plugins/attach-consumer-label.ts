/** Made by "npm run reference" from the schemas: changes belong there. */
import type { Meta } from '../meta.ts';

/** The attributes of attach-consumer-label. */
export interface AttachConsumerLabel {
  /** Header fields with the label that each gets, `$` in front: `X-Consumer-Role: $role`. What a client sends under such a name is always dropped; a label that the consumer does not have gives no field. Bounds: 1 to 100 attributes. */
  readonly headers: {
    readonly [name: string]: string;
  };
  /** How the gateway treats this configuration of the plugin. */
  readonly _meta?: Meta;
}

/** Tells the upstream labels of the consumer that calls, in header fields that no client can forge. */
export function attachConsumerLabel(attributes: AttachConsumerLabel): { readonly 'attach-consumer-label': AttachConsumerLabel } {
  return { 'attach-consumer-label': attributes };
}
