/**
 * JSON Schema (draft 2020-12) as a TypeScript literal: one literal gives validation, the published schema, the reference
 * page and, through `Infer`, the static type of a value whose defaults have been filled in.
 */

export type SchemaType = 'object' | 'array' | 'string' | 'number' | 'integer' | 'boolean' | 'null';

/** The keywords in use; a keyword that is not listed is an error in the literal. */
export interface Schema {
  readonly type?: SchemaType;
  /** One sentence for the reference page. */
  readonly description?: string;
  /** Filled in where the attribute is absent; it may itself be incomplete (`{}`), then its own defaults follow. */
  readonly default?: unknown;
  readonly const?: unknown;
  readonly enum?: readonly unknown[];

  readonly properties?: { readonly [name: string]: Schema };
  readonly required?: readonly string[];
  readonly patternProperties?: { readonly [pattern: string]: Schema };
  readonly propertyNames?: Schema;
  /** Absent: closed for people (an unknown attribute is a problem), as `false` is; `true` or a schema opens it. */
  readonly additionalProperties?: boolean | Schema;
  readonly minProperties?: number;
  readonly maxProperties?: number;

  readonly items?: Schema;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly uniqueItems?: boolean;

  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;

  readonly minimum?: number;
  readonly maximum?: number;
  readonly exclusiveMinimum?: number;
  readonly exclusiveMaximum?: number;

  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly not?: Schema;
  readonly if?: Schema;
  readonly then?: Schema;
  readonly else?: Schema;
  readonly dependentRequired?: { readonly [name: string]: readonly string[] };

  /** The value is encrypted at rest and never printed. */
  readonly secret?: boolean;
  /** The sentence that replaces the generic message where `pattern`, `not` or a variant fails: what would be right. */
  readonly remedy?: string;
}

/** Type of a valid value with all defaults filled in. */
export type Infer<S> = Value<S, 'filled'>;

/** Type of a valid value as people write it: what has a default may be left out. */
export type Offer<S> = Value<S, 'offered'>;

type State = 'filled' | 'offered';

type Value<S, M extends State> = S extends { readonly const: infer C }
  ? C
  : S extends { readonly enum: readonly (infer E)[] }
    ? E
    : S extends { readonly type: infer T }
      ? TypedValue<S, T, M>
      : S extends { readonly anyOf: readonly (infer B)[] }
        ? Value<B, M>
        : S extends { readonly oneOf: readonly (infer B)[] }
          ? Value<B, M>
          : unknown;

type TypedValue<S, T, M extends State> = T extends 'string'
  ? string
  : T extends 'number' | 'integer'
    ? number
    : T extends 'boolean'
      ? boolean
      : T extends 'null'
        ? null
        : T extends 'array'
          ? readonly (S extends { readonly items: infer I } ? Value<I, M> : unknown)[]
          : T extends 'object'
            ? ObjectValue<S, M>
            : unknown;

type ObjectValue<S, M extends State> = S extends { readonly properties: infer P }
  ? Flatten<
      { readonly [K in keyof P as IsPresent<S, P, K, M> extends true ? K : never]: Value<P[K], M> } & {
        readonly [K in keyof P as IsPresent<S, P, K, M> extends true ? never : K]?: Value<P[K], M>;
      }
    >
  : S extends { readonly additionalProperties: infer V extends object }
    ? { readonly [name: string]: Value<V, M> }
    : S extends { readonly patternProperties: { readonly [pattern: string]: infer V } }
      ? { readonly [name: string]: Value<V, M> }
      : { readonly [name: string]: unknown };

/** Required attributes are always there, those with a default once it has been filled in. */
type IsPresent<S, P, K extends keyof P, M extends State> = P[K] extends { readonly default: unknown }
  ? M extends 'filled'
    ? true
    : false
  : S extends { readonly required: readonly (infer R)[] }
    ? K extends R
      ? true
      : false
    : false;

/** Shows an intersection as one object type in editors and messages. */
type Flatten<T> = { [K in keyof T]: T[K] };
