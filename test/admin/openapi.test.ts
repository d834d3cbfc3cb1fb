import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Validator } from '@seriousme/openapi-schema-validator';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { KINDS } from '../../src/model/object-set.ts';
import { startLab, VIEWER_KEY } from './lab.ts';

interface Document {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, { operationId?: string }>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, object>> };
}

async function fetchDocument(t: Parameters<typeof startLab>[0]): Promise<Document> {
  const lab = await startLab(t);
  const { status, body } = await lab.ask('//openapi.json', { key: VIEWER_KEY });
  assert.equal(status, 200);
  return body as Document;
}

test('the description is valid OpenAPI 3.1', async (t) => {
  const document = await fetchDocument(t);
  assert.equal(document.openapi, '3.1.0');
  const { valid, errors } = await new Validator().validate({ ...document });
  assert.equal(valid, true, JSON.stringify(errors ?? '').slice(0, 2000));
});

test('every kind is described with its paths, and every operation has a name of its own', async (t) => {
  const { paths, components } = await fetchDocument(t);
  for (const kind of KINDS) assert.ok(components.schemas[kind] !== undefined, kind);
  const names = Object.values(paths).flatMap((item) =>
    Object.values(item).flatMap(({ operationId }) => operationId ?? []),
  );
  assert.equal(new Set(names).size, names.length);
  assert.ok(names.length > 60, String(names.length));
});

test('its schemas judge objects as the API does', async (t) => {
  const lab = await startLab(t);
  const { components } = (await lab.ask('//openapi.json')).body as Document;
  const ajv = new Ajv2020({ strict: false });
  const cases: readonly (readonly [kind: string, value: object, isValid: boolean])[] = [
    ['routes', { uri: '/', upstream: { nodes: { 'a:1': 1 } } }, true],
    ['routes', { uri: 7, upstream: { nodes: { 'a:1': 1 } } }, false],
    ['routes', { uri: '/', upsteam: {} }, false],
    ['upstreams', { nodes: { 'a:1': -1 } }, false],
    ['consumers', { username: 'jack' }, true],
    ['consumers', { username: 'jack jill' }, false],
  ];
  for (const [kind, value, isValid] of cases) {
    assert.equal(ajv.compile(components.schemas[kind] ?? {})(value), isValid, JSON.stringify(value));
    const { status } = await lab.ask(`/schema/validate/${kind}`, { method: 'POST', body: value });
    assert.equal(status === 200, isValid, JSON.stringify(value));
  }
});
