/** Labels as they are written: a list, a list in JSON, or a text with separators. */
import { compileRegex } from '../../sdk/index.ts';
import type { Regex } from '../../sdk/index.ts';
import type { ExternalUser } from '../external-user.ts';
import { compileJsonPath, type JsonPath } from '../json-path.ts';

/** The values that something stands for; null where it cannot be read. */
type Parser = (value: unknown) => readonly string[] | null;

export interface ExternalLabelConfig {
  readonly external_user_label_field: string;
  readonly external_user_label_field_key?: string;
  readonly external_user_label_field_parser?: 'segmented_text' | 'json' | 'table';
  readonly external_user_label_field_separator?: string;
}

/** The values of a label of a user from outside: one label alone has any. */
export function externalLabels(
  config: ExternalLabelConfig,
): (user: ExternalUser, label: string) => readonly string[] | null {
  const { external_user_label_field: field, external_user_label_field_key: key = field } = config;
  const path = field.startsWith('$') ? compileJsonPath(field) : memberPath(field);
  const parse = parserOf(config);
  return (user, label) => {
    if (label !== key) return [];
    const found = path(user);
    if (found === null) return null;
    const lists = found.map(parse);
    return lists.includes(null) ? null : lists.flatMap((list) => list ?? []);
  };
}

function memberPath(name: string): JsonPath {
  return (root) => (Object.hasOwn(root as object, name) ? [(root as Readonly<Record<string, unknown>>)[name]] : []);
}

function parserOf(config: ExternalLabelConfig): Parser {
  const { external_user_label_field_separator: separator } = config;
  const { external_user_label_field_parser: parser } = config;
  if (parser === 'table') return listOf;
  if (parser === 'json') return (value) => (typeof value === 'string' ? listInJson(value) : null);
  return parser === 'segmented_text' ? segmentsBy(compileRegex(separator ?? ',')) : labelValues;
}

/** Whichever way a value is written; a text is split at its commas. */
export function labelValues(value: unknown): readonly string[] | null {
  if (typeof value !== 'string') return Array.isArray(value) ? listOf(value) : scalar(value);
  return value.startsWith('[') ? (listInJson(value) ?? segments(value.split(','))) : segments(value.split(','));
}

function listInJson(text: string): readonly string[] | null {
  try {
    return listOf(JSON.parse(text));
  } catch {
    return null;
  }
}

function listOf(value: unknown): readonly string[] | null {
  if (!Array.isArray(value)) return null;
  const lists = value.map(scalarOrText);
  return lists.includes(null) ? null : lists.flatMap((list) => list ?? []);
}

function scalarOrText(value: unknown): readonly string[] | null {
  return typeof value === 'string' ? [value] : scalar(value);
}

/** What is not there has no values; an object is none. */
function scalar(value: unknown): readonly string[] | null {
  if (value === undefined || value === null) return [];
  return typeof value === 'number' || typeof value === 'boolean' ? [String(value)] : null;
}

function segments(parts: readonly string[]): readonly string[] {
  return parts.map((part) => part.trim()).filter((part) => part !== '');
}

function segmentsBy(separator: Regex): Parser {
  return (value) => {
    if (typeof value !== 'string') return scalar(value);
    const parts: string[] = [];
    let start = 0;
    for (let from = 0; from <= value.length;) {
      const found = separator.exec(value, from);
      if (found === null) break;
      // A match of nothing separates nothing.
      if (found.end > found.index) {
        parts.push(value.slice(start, found.index));
        start = found.end;
      }
      from = Math.max(found.end, found.index + 1);
    }
    return segments([...parts, value.slice(start)]);
  };
}
