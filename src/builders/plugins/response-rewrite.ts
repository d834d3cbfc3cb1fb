/** Made by "npm run reference" from the schemas: changes belong there. */
import type { Meta } from '../meta.ts';

/** The attributes of response-rewrite. */
export interface ResponseRewrite {
  /** Status of the response. 204, 205 and 304 leave its body out. Bounds: 200 to 598. */
  readonly status_code?: number;
  /** Body in place of the one that comes. Not beside filters. */
  readonly body?: string;
  /** Whether body is Base64 and is sent decoded: for images and other bytes. Default: `false`. */
  readonly body_base64?: boolean;
  /** Header fields to change: add, then remove, then set. Without any of these three, names and values to set. Variables may stand in values. */
  readonly headers?: {
    /** Fields that are added to those of the response, each as "Name: value". Bounds: each: not empty. */
    readonly add?: readonly string[];
    /** Names of fields that are taken away. Bounds: each: not empty. */
    readonly remove?: readonly string[];
    /** Fields that take the place of those of the response. */
    readonly set?: {
      readonly [name: string]: string | number;
    };
    readonly [name: string]: unknown;
  };
  /** Conditions on variables, among them status; the response stays as it is where they do not hold. */
  readonly vars?: readonly unknown[];
  /** Replacements in the body, one after the other. The body is kept until it is complete; gzip, deflate, br and zstd are decoded, and what goes on is not compressed. A body in another coding stays as it is; one that takes more than half a second, and a millisecond for each 1,000 bytes, is refused. Bounds: not empty. */
  readonly filters?: readonly {
    /** Regular expression for what is replaced. Bounds: not empty. */
    readonly regex: string;
    /** once: the first match; global: every match. Default: `"once"`. */
    readonly scope?: 'once' | 'global';
    /** What is put in its place; $0 is the whole match, $1, ${2} … its groups, $$ a dollar sign. */
    readonly replace: string;
    /** Letters: i ignores case, s lets a dot match line ends, a accepts a match only at the start or at the end of the one before. j, o, u and U are accepted and change nothing: expressions are always compiled once, and bodies in UTF-8 are read as such. Default: `"jo"`. */
    readonly options?: string;
  }[];
  /** Bytes of a body that are kept for filters, compressed and decoded alike. A longer response is answered with 502 if its length is told beforehand, and otherwise with 500 or by breaking it off: a part is never passed off as the whole. Default: `67108864`. Bounds: ≥ 1. */
  readonly max_resp_body_size?: number;
  /** How the gateway treats this configuration of the plugin. */
  readonly _meta?: Meta;
}

/** Changes the status, the header fields and the body of responses, the gateway's own included. */
export function responseRewrite(attributes: ResponseRewrite = {}): { readonly 'response-rewrite': ResponseRewrite } {
  return { 'response-rewrite': attributes };
}
