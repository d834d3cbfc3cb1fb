/** What has to be done so that a gateway has what a file says, and nothing of its owner's besides. Pure. */
import { canonicalText } from '../model/canonical.ts';
import type { Kind, RawObject } from '../model/object-set.ts';
import { MODELS } from '../model/models.ts';

type Members = Readonly<Record<string, unknown>>;

/** What is there now. */
export interface Present {
  readonly kind: Kind;
  readonly id: string;
  readonly value: Members;
}

export interface Step {
  readonly action: 'create' | 'update' | 'delete';
  readonly kind: Kind;
  readonly id: string;
  /** Null for a deletion. */
  readonly value: Members | null;
  /** Attributes that differ. */
  readonly changed: readonly string[];
}

export interface Plan {
  readonly steps: readonly Step[];
  readonly unchanged: number;
  /** Objects of the file that are there and belong to somebody else, as `kind/id (owner)`. */
  readonly foreign: readonly string[];
}

export const OWNER_LABEL = 'managed-by';

/** What others refer to comes first; removed is in the reverse order. */
const ORDER: readonly Kind[] = [
  'secrets',
  'protos',
  'ssls',
  'plugin_metadata',
  'upstreams',
  'plugin_configs',
  'consumer_groups',
  'services',
  'global_rules',
  'consumers',
  'credentials',
  'routes',
  'stream_routes',
];

/**
 * @param adopts whether objects that belong to nobody, or to others, are taken over
 */
export function planApply(
  wanted: { readonly [K in Kind]: readonly RawObject[] },
  present: readonly Present[],
  { owner, adopts }: { readonly owner: string; readonly adopts: boolean },
): Plan {
  const there = new Map(present.map((one) => [`${one.kind}/${one.id}`, one]));
  const steps: Step[] = [];
  const foreign: string[] = [];
  const kept = new Set<string>();
  let unchanged = 0;
  for (const kind of ORDER) {
    for (const { id, value } of wanted[kind]) {
      const name = `${kind}/${id}`;
      kept.add(name);
      const before = there.get(name);
      const owned = withOwner(kind, value, owner);
      if (before === undefined) {
        steps.push({ action: 'create', kind, id, value: owned, changed: [] });
        continue;
      }
      const changed = differingAttributes(before.value, owned);
      if (changed.length === 0) unchanged++;
      else if (hasLabels(kind) && ownerOf(before.value) !== owner && !adopts)
        foreign.push(`${name} (${ownerOf(before.value) ?? 'nobody'})`);
      else steps.push({ action: 'update', kind, id, value: owned, changed });
    }
  }
  return { steps: [...steps, ...removals(present, kept, owner)], unchanged, foreign };
}

/** Only what carries the owner's label. The credentials of a consumer go with it. */
function removals(present: readonly Present[], kept: ReadonlySet<string>, owner: string): Step[] {
  const gone = present.filter(({ kind, id, value }) => !kept.has(`${kind}/${id}`) && ownerOf(value) === owner);
  const goneNames = new Set(gone.map(({ kind, id }) => `${kind}/${id}`));
  return ORDER.toReversed().flatMap((kind) =>
    gone
      .filter(
        (one) => one.kind === kind && !(kind === 'credentials' && goneNames.has(`consumers/${one.id.split('/')[0]}`)),
      )
      .map(({ id }): Step => ({ action: 'delete', kind, id, value: null, changed: [] })),
  );
}

/** Some kinds have no labels in APISIX's schemas: they belong to nobody, and are never removed. */
function hasLabels(kind: Kind): boolean {
  return MODELS[kind].schema.properties?.['labels'] !== undefined;
}

function ownerOf(value: Members): string | undefined {
  const { labels } = value;
  if (typeof labels !== 'object' || labels === null) return undefined;
  const owner = (labels as Members)[OWNER_LABEL];
  return typeof owner === 'string' ? owner : undefined;
}

function withOwner(kind: Kind, value: Members, owner: string): Members {
  if (!hasLabels(kind)) return value;
  const { labels } = value;
  const own = typeof labels === 'object' && labels !== null ? labels : {};
  return { ...value, labels: { ...own, [OWNER_LABEL]: owner } };
}

/** Attributes that whoever stores the object writes. */
const BOOKKEEPING: ReadonlySet<string> = new Set(['id', 'create_time', 'update_time', 'modifiedIndex']);

function differingAttributes(before: Members, after: Members): string[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  return [...names].filter((name) => !BOOKKEEPING.has(name) && textOf(before[name]) !== textOf(after[name])).toSorted();
}

const textOf = (value: unknown): string => (value === undefined ? '' : canonicalText(value));
