/** The body of a whole configuration: JSON, or YAML as files have it. */
import { parseDocument } from '../config/document.ts';
import { listProblems, refuse } from './answer.ts';
import { isObject } from './change.ts';
import { readObject } from './request.ts';
import type { AdminRequest } from './request.ts';
import type { JsonObject } from './view.ts';

const YAML: readonly string[] = ['application/yaml', 'application/x-yaml', 'text/yaml'];

/** Throws Refused. */
export function readDocument({ body, contentType }: AdminRequest): JsonObject {
  if (!YAML.includes(contentType)) return readObject(body);
  const { value, problems } = parseDocument(body, 'yaml');
  if (problems.length > 0) throw refuse(400, `invalid request body: ${listProblems(problems)}`);
  if (!isObject(value)) throw refuse(400, 'invalid request body: expected keys such as "routes:" at the top level');
  return value;
}

/** Whether an answer is asked for as YAML. */
export function wantsYaml(accept: string): boolean {
  return YAML.some((type) => accept.toLowerCase().includes(type));
}
