/** Answers as a viewer gets them: no secret is among them. */
import type { PluginRegistry } from '../compile/plugins.ts';
import type { Kind } from '../model/object-set.ts';
import type { Answer } from './answer.ts';
import { isObject } from './change.ts';
import { DOCUMENT_KINDS } from './configs.ts';
import { redact } from './redact.ts';
import type { Target } from './target.ts';
import type { JsonObject } from './view.ts';

export function redactAnswer(answer: Answer, target: Target, plugins: PluginRegistry): Answer {
  const { body } = answer;
  if (answer.status !== 200 || !isObject(body)) return answer;
  if (target.type === 'objects') return { ...answer, body: redactObjects(body, target.kind, plugins) };
  if (target.type === 'configs' && !target.isValidation) return { ...answer, body: redactDocument(body, plugins) };
  return answer;
}

function redactObjects(body: JsonObject, kind: Kind, plugins: PluginRegistry): JsonObject {
  const { list } = body;
  if (Array.isArray(list)) return { ...body, list: list.map((item: JsonObject) => redactItem(item, kind, plugins)) };
  return redactItem(body, kind, plugins);
}

/** An item whose value is no object is no item: then nothing of it is shown. */
function redactItem(item: JsonObject, kind: Kind, plugins: PluginRegistry): JsonObject {
  const { key, value } = item;
  if (!isObject(value)) return {};
  const id = typeof key === 'string' ? key.slice(key.lastIndexOf('/') + 1) : '';
  return { ...item, value: redact(kind, id, value, plugins) };
}

function redactDocument(document: JsonObject, plugins: PluginRegistry): JsonObject {
  const shown = DOCUMENT_KINDS.flatMap((kind): [string, unknown][] => {
    const items = document[kind];
    if (!Array.isArray(items)) return [];
    return [[kind, items.map((item: JsonObject) => redact(kindOf(kind, item), String(item['id']), item, plugins))]];
  });
  return { ...document, ...Object.fromEntries(shown) };
}

function kindOf(kind: Kind, item: JsonObject): Kind {
  return kind === 'consumers' && item['username'] === undefined ? 'credentials' : kind;
}
