/** Lists of objects: filters and pages, as APISIX's documentation describes them. */
import { isId } from './change.ts';
import type { JsonObject } from './view.ts';

export interface ListItem {
  readonly key: string;
  readonly value: JsonObject;
  readonly createdIndex: number;
  readonly modifiedIndex: number;
}

export interface ListAnswer {
  readonly total: number;
  readonly list: readonly ListItem[];
}

/** What a query asks for; a problem of it is a text that names the argument. */
export interface ListQuery {
  readonly name: string | null;
  readonly uri: string | null;
  readonly label: string | null;
  readonly references: readonly (readonly [attribute: string, id: string])[];
  readonly page: { readonly number: number; readonly size: number } | null;
}

const PAGE_SIZE = { least: 10, most: 500 };

/** @param filters attributes that `filter` may name @param isRoute whether `uri` means something */
export function readListQuery(
  query: URLSearchParams,
  filters: readonly string[],
  isRoute: boolean,
): ListQuery | { readonly fault: string } {
  const text = (name: string): string | null => query.get(name) || null;
  const uri = text('uri');
  if (uri !== null && !isRoute) return { fault: 'uri: only routes are found by it' };
  const references: (readonly [string, string])[] = [];
  for (const [attribute, id] of new URLSearchParams(text('filter') ?? '')) {
    if (!filters.includes(attribute)) {
      const choice = filters.length === 0 ? 'nothing here' : filters.join(', ');
      return { fault: `filter: ${JSON.stringify(attribute.slice(0, 80))} cannot be filtered by, ${choice} can` };
    }
    references.push([attribute, id]);
  }
  const page = readPage(query);
  return 'fault' in page ? page : { name: text('name'), uri, label: text('label'), references, page: page.page };
}

function readPage(query: URLSearchParams): { readonly page: ListQuery['page'] } | { readonly fault: string } {
  const size = query.get('page_size');
  const number = query.get('page') ?? '1';
  if (!/^[1-9]\d{0,8}$/.test(number)) return { fault: 'page: expected an integer from 1' };
  if (size === null) return { page: null };
  const { least, most } = PAGE_SIZE;
  const isSize = /^\d{1,4}$/.test(size) && Number(size) >= least && Number(size) <= most;
  if (!isSize) return { fault: `page_size: expected an integer from ${least} to ${most}` };
  return { page: { number: Number(number), size: Number(size) } };
}

/** In the order in which they were created. `total` counts what the filters leave, on all pages. */
export function answerList(items: readonly ListItem[], query: ListQuery): ListAnswer {
  const found = items
    .filter(({ value }) => isWanted(value, query))
    .toSorted((a, b) => a.createdIndex - b.createdIndex || (a.key < b.key ? -1 : 1));
  const { page } = query;
  const list = page === null ? found : found.slice((page.number - 1) * page.size, page.number * page.size);
  return { total: found.length, list };
}

function isWanted(value: JsonObject, { name, uri, label, references }: ListQuery): boolean {
  if (name !== null && !contains(value['name'], name)) return false;
  if (uri !== null && ![value['uri'], ...listOf(value['uris'])].some((one) => contains(one, uri))) return false;
  if (label !== null && !hasLabel(value['labels'], label)) return false;
  return references.every(([attribute, id]) => {
    const found = value[attribute];
    return isId(found) && String(found) === id;
  });
}

const contains = (text: unknown, part: string): boolean => typeof text === 'string' && text.includes(part);
const listOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/** `KEY`: a label whose key contains it; `KEY:VALUE`: that very label. */
function hasLabel(labels: unknown, wanted: string): boolean {
  if (typeof labels !== 'object' || labels === null) return false;
  return Object.entries(labels).some(
    ([key, value]) => key.includes(wanted) || (typeof value === 'string' && `${key}:${value}` === wanted),
  );
}
