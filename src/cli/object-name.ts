/** Kinds and ids as people write them, and where the Admin API has them. */
import { MODELS } from '../model/models.ts';
import { isObjectId, KINDS, type Kind } from '../model/object-set.ts';
import { nearest } from '../model/problem.ts';
import { UsageError } from './arguments.ts';

/** `route`, `routes`, `consumer-group` and the like. Throws UsageError. */
export function kindOf(name: string): Kind {
  const plain = name.toLowerCase().replaceAll('-', '_');
  const found = KINDS.find((kind) => kind === plain || nounOf(kind) === plain);
  if (found !== undefined) return found;
  const near = nearest(plain, [...KINDS.map(nounOf), ...KINDS]);
  const hint = near === undefined ? '' : `, did you mean "${near}"?`;
  throw new UsageError(`there is no kind "${name}"${hint}; the kinds are ${KINDS.join(', ')}`);
}

const nounOf = (kind: Kind): string => MODELS[kind].noun.toLowerCase().replaceAll(' ', '_');

/** Throws UsageError if that is no id of the kind. */
export function placeOf(kind: Kind, id: string): string {
  if (!isObjectId(kind, id)) {
    const form =
      kind === 'credentials' ? ': write USERNAME/credentials/ID' : kind === 'secrets' ? ': write MANAGER/ID' : '';
    throw new UsageError(`"${id}" is no id of ${MODELS[kind].noun}${form}`);
  }
  const path = id.split('/').map(encodeURIComponent).join('/');
  return kind === 'credentials' ? `/consumers/${path}` : `/${kind}/${path}`;
}
