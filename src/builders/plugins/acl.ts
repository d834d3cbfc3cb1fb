/** Made by "npm run reference" from the schemas: changes belong there. */
import type { Meta } from '../meta.ts';

/** The attributes of acl. */
export interface Acl {
  /** Values by label: callers with one of them pass, all others do not. Bounds: 1 to 1000 attributes. */
  readonly allow_labels?: {
    readonly [name: string]: readonly string[];
  };
  /** Values by label: callers with one of them do not pass, whatever `allow_labels` says. Bounds: 1 to 1000 attributes. */
  readonly deny_labels?: {
    readonly [name: string]: readonly string[];
  };
  /** Status of a refusal; callers that nobody has identified get 401. Default: `403`. Bounds: 200 to 599. */
  readonly rejected_code?: number;
  /** The message of a refusal. Default: `"The consumer is forbidden."`. Bounds: not empty. */
  readonly rejected_msg?: string;
  /** For callers that are known to a system outside and are no consumer: the attribute with their labels, by its name or as a path such as `$..groups`. Default: `"groups"`. Bounds: not empty. */
  readonly external_user_label_field?: string;
  /** The label that these values are; `external_user_label_field` by default. Bounds: not empty. */
  readonly external_user_label_field_key?: string;
  /** How that attribute is written: a text with separators, a list in JSON, or a list. By default each value shows it. */
  readonly external_user_label_field_parser?: 'segmented_text' | 'json' | 'table';
  /** Regular expression between the parts of a `segmented_text`. Bounds: not empty. */
  readonly external_user_label_field_separator?: string;
  /** How the gateway treats this configuration of the plugin. */
  readonly _meta?: Meta;
}

/** Lets in callers by the labels of their consumer, or by attributes of a user that a system outside knows. */
export function acl(attributes: Acl = {}): { readonly 'acl': Acl } {
  return { 'acl': attributes };
}
