/** `_meta`: what may be said beside the attributes of every plugin, and what the pipeline makes of it. */
import type { Infer, Schema } from '../sdk/schema.ts';
import { pathOf } from '../model/problem.ts';
import type { Problem } from '../model/problem.ts';
import type { validator } from '../model/validate.ts';
import { checkExpression, compileExpression } from '../router/expression.ts';
import type { Step } from './chain.ts';

export interface Meta {
  readonly isDisabled: boolean;
  /** Instead of the plugin's own; undefined leaves that. */
  readonly priority: number | undefined;
  readonly filter: Step['filter'];
  readonly errorResponse: Step['errorResponse'];
}

export interface MetaReading {
  readonly meta: Meta;
  readonly problems: readonly Problem[];
  readonly unknown: readonly Problem[];
}

export const metaSchema = {
  type: 'object',
  description: 'How the gateway treats this configuration of the plugin.',
  properties: {
    disable: {
      type: 'boolean',
      description: 'Switches the plugin off; decided after merging, so a route can switch off what its service has.',
    },
    priority: { type: 'integer', description: "Takes the place of the plugin's own priority." },
    filter: {
      type: 'array',
      items: {},
      description: 'Conditions on variables of the request; the plugin runs where they hold.',
    },
    error_response: {
      anyOf: [{ type: 'string' }, { type: 'object', additionalProperties: true }],
      description: "Takes the place of the body in the plugin's own refusals.",
    },
    pre_function: { type: 'string', description: 'A Lua function; refused.' },
  },
} as const satisfies Schema;

export const NO_META: Meta = Object.freeze({
  isDisabled: false,
  priority: undefined,
  filter: null,
  errorResponse: undefined,
});

export type MetaReader = (value: unknown, path: string) => MetaReading;

/** @returns a function that reads `_meta`; its schema is compiled at the first call */
export function metaReader(reader: typeof validator): MetaReader {
  const validate = reader(metaSchema);
  return (value, path) => {
    const checked = validate(value, path);
    const problems = [...checked.problems];
    // Whatever else is wrong with it, these two have more to say than a schema.
    const { filter = [], pre_function } = { ...(checked.value as Partial<Infer<typeof metaSchema>>) };
    if (pre_function !== undefined) {
      const message = 'pre_function is Lua, which does not run here: write a plugin';
      problems.push({ path: pathOf(path, 'pre_function'), code: 'not_supported', message });
    }
    const passes = Array.isArray(filter) ? readFilter(filter, pathOf(path, 'filter'), problems) : null;
    if (problems.length > 0) return { meta: NO_META, problems, unknown: checked.unknown };
    const { disable = false, priority, error_response } = checked.value as Infer<typeof metaSchema>;
    const meta = { isDisabled: disable, priority, filter: passes, errorResponse: error_response };
    return { meta, problems, unknown: checked.unknown };
  };
}

function readFilter(conditions: readonly unknown[], path: string, problems: Problem[]): Meta['filter'] {
  if (conditions.length === 0) return null;
  const faults = checkExpression(conditions);
  for (const fault of faults) {
    problems.push({ path: `${path}${fault.path}`, code: 'invalid_value', message: fault.message });
  }
  if (faults.length > 0) return null;
  const expression = compileExpression(conditions);
  if (expression.needsBody) {
    const message = 'a filter is decided before the body is there: use variables of the request head';
    problems.push({ path, code: 'not_supported', message });
    return null;
  }
  return (exchange) => expression.evaluate(exchange) === true;
}
