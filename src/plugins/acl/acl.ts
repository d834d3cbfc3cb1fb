import { checkRegex, definePlugin } from '../../sdk/index.ts';
import type { ConfigProblem, Exchange, Infer, Reply, Schema } from '../../sdk/index.ts';
import { externalUserKey } from '../external-user.ts';
import { jsonPathFault } from '../json-path.ts';
import { externalLabels, labelValues } from './labels.ts';

const LABELS = {
  type: 'object',
  minProperties: 1,
  maxProperties: 1_000,
  additionalProperties: {
    type: 'array',
    minItems: 1,
    maxItems: 10_000,
    items: { type: 'string', minLength: 1 },
  },
} as const;

const schema = {
  type: 'object',
  properties: {
    allow_labels: {
      ...LABELS,
      description: 'Values by label: callers with one of them pass, all others do not.',
    },
    deny_labels: {
      ...LABELS,
      description: 'Values by label: callers with one of them do not pass, whatever `allow_labels` says.',
    },
    rejected_code: {
      type: 'integer',
      minimum: 200,
      maximum: 599,
      default: 403,
      description: 'Status of a refusal; callers that nobody has identified get 401.',
    },
    rejected_msg: {
      type: 'string',
      minLength: 1,
      default: 'The consumer is forbidden.',
      description: 'The message of a refusal.',
    },
    external_user_label_field: {
      type: 'string',
      minLength: 1,
      default: 'groups',
      description:
        'For callers that are known to a system outside and are no consumer: the attribute with their labels, by its name or as a path such as `$..groups`.',
    },
    external_user_label_field_key: {
      type: 'string',
      minLength: 1,
      description: 'The label that these values are; `external_user_label_field` by default.',
    },
    external_user_label_field_parser: {
      type: 'string',
      enum: ['segmented_text', 'json', 'table'],
      description:
        'How that attribute is written: a text with separators, a list in JSON, or a list. By default each value shows it.',
    },
    external_user_label_field_separator: {
      type: 'string',
      minLength: 1,
      description: 'Regular expression between the parts of a `segmented_text`.',
    },
  },
  anyOf: [{ required: ['allow_labels'] }, { required: ['deny_labels'] }],
  remedy: 'write "allow_labels" or "deny_labels": without either, nothing is said',
} as const satisfies Schema;

type Config = Infer<typeof schema>;

export default definePlugin({
  name: 'acl',
  priority: 2_410,
  kind: 'authorization',
  summary: 'Lets in callers by the labels of their consumer, or by attributes of a user that a system outside knows.',
  schema,
  examples: [
    { title: 'One team', config: { allow_labels: { team: ['platform'] } } },
    { title: 'All but guests', config: { deny_labels: { role: ['guest'] } } },
    {
      title: 'Groups of a directory, in a text with separators',
      config: {
        allow_labels: { groups: ['admin', 'operator'] },
        external_user_label_field: '$..memberships',
        external_user_label_field_key: 'groups',
        external_user_label_field_parser: 'segmented_text',
        external_user_label_field_separator: '[;|]',
      },
    },
  ],
  check(config) {
    const problems: ConfigProblem[] = [];
    const report = (path: string, message: string | null): void => {
      if (message !== null) problems.push({ path, message });
    };
    const {
      external_user_label_field: field,
      external_user_label_field_parser: parser,
      external_user_label_field_separator: separator,
    } = config;
    if (field.startsWith('$')) report('external_user_label_field', jsonPathFault(field));
    if (separator !== undefined) report('external_user_label_field_separator', checkRegex(separator));
    if ((parser === 'segmented_text') !== (separator !== undefined)) {
      report(
        'external_user_label_field_separator',
        'belongs to external_user_label_field_parser "segmented_text": write both, or neither',
      );
    }
    return problems;
  },
  create(config, host) {
    const ofExternal = externalLabels(config);
    const refusal: Reply = Object.freeze({
      status: config.rejected_code,
      code: 'label_not_allowed',
      body: Object.freeze({ message: config.rejected_msg }),
    });
    const allowed = rulesOf(config.allow_labels);
    const denied = rulesOf(config.deny_labels) ?? [];

    /** The values of a label; null where they cannot be read. */
    function valuesOf(exchange: Exchange, label: string): readonly string[] | null {
      const { consumer } = exchange;
      if (consumer === null) return ofExternal(exchange.get(externalUserKey) ?? {}, label);
      return Object.hasOwn(consumer.labels, label) ? labelValues(consumer.labels[label]) : [];
    }

    /** True also where it cannot be told, if that is asked for: a doubt never lets anybody in. */
    function isAmong(exchange: Exchange, rules: Rules, inDoubt: boolean): boolean {
      return rules.some(([label, wanted]) => {
        const values = valuesOf(exchange, label);
        if (values !== null) return values.some((value) => wanted.has(value));
        host.log.warn('label_unreadable', { label });
        return inDoubt;
      });
    }

    return {
      access(exchange) {
        if (exchange.consumer === null && exchange.get(externalUserKey) === undefined) return UNKNOWN;
        const isRefused = isAmong(exchange, denied, true) || (allowed !== null && !isAmong(exchange, allowed, false));
        return isRefused ? refusal : undefined;
      },
    };
  },
});

type Rules = readonly (readonly [label: string, values: ReadonlySet<string>])[];

function rulesOf(labels: Config['allow_labels']): Rules | null {
  return labels === undefined ? null : Object.entries(labels).map(([label, values]) => [label, new Set(values)]);
}

const UNKNOWN: Reply = Object.freeze({
  status: 401,
  code: 'consumer_missing',
  body: Object.freeze({ message: 'Missing authentication or identity verification.' }),
});
