/** Variables whose values come from the request's body: `post_arg.*`, `post_arg_*` and `graphql_*`. */
import type { GraphqlOperation } from './graphql-document.ts';
import { parseGraphql } from './graphql-document.ts';
import { parseMultipart } from './multipart.ts';
import type { PathStep } from './variable-path.ts';
import { ALL, postArgument, stepsOf } from './variable-path.ts';
import type { BodyVariables, VariableValue } from './variable-source.ts';
import { argumentOf } from './variables.ts';

export interface RequestBody {
  /** The value of Content-Type, '' if there is none. */
  readonly contentType: string;
  /** The whole body, decoded as UTF-8; '' if the request has none. */
  readonly text: string;
  /** The query string without `?`: a GraphQL document may be in its argument `query`. */
  readonly query: string;
}

/** Parses nothing before a variable is asked for. A malformed body has no values. */
export function createBodyVariables(body: RequestBody): BodyVariables {
  return new LazyBody(body);
}

class LazyBody implements BodyVariables {
  private readonly body: RequestBody;
  private readonly mediaType: string;
  private json: { readonly value: unknown } | null = null;
  private fields: ReadonlyMap<string, string> | null = null;
  private operation: GraphqlOperation | null | undefined;

  constructor(body: RequestBody) {
    this.body = body;
    this.mediaType = body.contentType.split(';', 1)[0].trim().toLowerCase();
  }

  value(name: string): VariableValue {
    if (!name.startsWith('graphql_')) return this.argument(postArgument(name));
    if (this.operation === undefined) this.operation = this.readOperation();
    if (this.operation === null) return undefined;
    if (name === 'graphql_operation') return this.operation.operation;
    if (name === 'graphql_name') return this.operation.name;
    return name === 'graphql_root_fields' ? this.operation.rootFields : undefined;
  }

  private argument(path: string): VariableValue {
    const { mediaType, body } = this;
    if (mediaType === 'application/x-www-form-urlencoded') return argumentOf(body.text, path);
    if (mediaType === 'multipart/form-data') {
      this.fields ??= parseMultipart(body.contentType, body.text) ?? new Map();
      return this.fields.get(path);
    }
    return this.isJson ? valueAt(this.readJson(), stepsOf(path)) : undefined;
  }

  private get isJson(): boolean {
    return this.mediaType === 'application/json' || this.mediaType.endsWith('+json');
  }

  private readJson(): unknown {
    if (this.json === null) {
      try {
        this.json = { value: JSON.parse(this.body.text) as unknown };
      } catch {
        this.json = { value: undefined };
      }
    }
    return this.json.value;
  }

  private readOperation(): GraphqlOperation | null {
    const { text, query } = this.body;
    if (text === '') return parseGraphql(argumentOf(query, 'query') ?? '', argumentOf(query, 'operationName') ?? '');
    if (!this.isJson) return parseGraphql(text, argumentOf(query, 'operationName') ?? '');
    const document = valueAt(this.readJson(), ['query']);
    const operationName = valueAt(this.readJson(), ['operationName']);
    return typeof document === 'string'
      ? parseGraphql(document, typeof operationName === 'string' ? operationName : '')
      : null;
  }
}

/** What the steps lead to; a list of everything they lead to if one of them takes all elements. */
function valueAt(root: unknown, steps: readonly PathStep[]): VariableValue {
  let reached: unknown[] = [root];
  for (const step of steps) {
    const next: unknown[] = [];
    for (const value of reached) {
      if (typeof step === 'string') {
        if (isRecord(value) && Object.hasOwn(value, step)) next.push(value[step]);
      } else if (!Array.isArray(value)) continue;
      else if (step === ALL) for (const element of value as unknown[]) next.push(element);
      else if (step < value.length) next.push(value[step]);
    }
    reached = next;
  }
  return (steps.includes(ALL) ? reached : reached[0]) as VariableValue;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
