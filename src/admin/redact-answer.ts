/** Answers as a viewer gets them: no secret is among them. */
import type { Kind } from '../model/object-set.ts';
import type { Answer } from './answer.ts';
import { isObject } from './change.ts';
import { DOCUMENT_KINDS } from './configs.ts';
import type { Redactor } from './redact.ts';
import type { Target } from './target.ts';
import type { JsonObject } from './view.ts';

export function redactAnswer(answer: Answer, target: Target, redactor: Redactor): Answer {
  const { body } = answer;
  if (answer.status !== 200 || !isObject(body)) return answer;
  if (target.type === 'objects') return { ...answer, body: redactObjects(body, target.kind, redactor) };
  if (target.type === 'configs' && !target.isValidation) return { ...answer, body: redactDocument(body, redactor) };
  return answer;
}

function redactObjects(body: JsonObject, kind: Kind, redactor: Redactor): JsonObject {
  const { list } = body;
  if (Array.isArray(list)) return { ...body, list: list.map((item: JsonObject) => redactItem(item, kind, redactor)) };
  return redactItem(body, kind, redactor);
}

/** An item whose value is no object is no item: then nothing of it is shown. */
function redactItem(item: JsonObject, kind: Kind, redactor: Redactor): JsonObject {
  const { key, value } = item;
  if (!isObject(value)) return {};
  const id = typeof key === 'string' ? key.slice(key.lastIndexOf('/') + 1) : '';
  return { ...item, value: redactor.redact(kind, id, value) };
}

function redactDocument(document: JsonObject, redactor: Redactor): JsonObject {
  const shown = DOCUMENT_KINDS.flatMap((kind): [string, unknown][] => {
    const items = document[kind];
    if (!Array.isArray(items)) return [];
    return [[kind, items.map((item: JsonObject) => redactor.redact(kindOf(kind, item), String(item['id']), item))]];
  });
  return { ...document, ...Object.fromEntries(shown) };
}

function kindOf(kind: Kind, item: JsonObject): Kind {
  return kind === 'consumers' && item['username'] === undefined ? 'credentials' : kind;
}
