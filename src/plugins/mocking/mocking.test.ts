import assert from 'node:assert/strict';
import { it } from 'node:test';
import { HandClock, openLab, problemsOf, routeWith } from '../../../test/plugins/lab.ts';
import { exampleOf } from './example-value.ts';
import mocking from './mocking.ts';

it('the documented example: status and body, and the upstream is not asked', async (t) => {
  const lab = await openLab(
    t,
    routeWith({ mocking: { response_status: 201, response_example: '{"Lastname":"Brown","Age":56}' } }),
  );
  const answer = await lab.request('/anything');
  assert.deepEqual([answer.status, answer.text], [201, '{"Lastname":"Brown","Age":56}']);
  assert.equal(answer.headers['content-type'], 'application/json;charset=utf8');
  assert.equal(answer.headers['x-mock-by'], 'Gatewright');
  assert.equal(lab.seen.length, 0);
});

it('the documented fields, and a variable in the body', async (t) => {
  const attributes = {
    response_headers: { 'X-User-Id': '100', 'X-Product-Id': 'apac-398-472', 'X-Number': 7 },
    response_example: 'Client IP: $remote_addr',
    with_mock_header: false,
    content_type: 'text/plain',
  };
  const lab = await openLab(t, routeWith({ mocking: attributes }));
  const { text, headers } = await lab.request('/anything');
  assert.equal(text, 'Client IP: 127.0.0.1');
  assert.deepEqual(
    [headers['x-user-id'], headers['x-product-id'], headers['x-number'], headers['x-mock-by'], headers['content-type']],
    ['100', 'apac-398-472', '7', undefined, 'text/plain'],
  );
});

const DOCUMENTED = {
  type: 'object',
  properties: {
    id: { type: 'string', example: 'abcd' },
    ip: { type: 'number', example: 192.168 },
    random_str_arr: { type: 'array', items: { type: 'string' } },
    nested_obj: {
      type: 'object',
      properties: {
        random_str: { type: 'string' },
        child_nested_obj: {
          type: 'object',
          properties: {
            random_bool: { type: 'boolean', example: true },
            random_int_arr: { type: 'array', items: { type: 'integer', example: 155 } },
          },
        },
      },
    },
  },
};

interface Made {
  readonly id: string;
  readonly ip: number;
  readonly random_str_arr: readonly string[];
  readonly nested_obj: {
    readonly random_str: string;
    readonly child_nested_obj: { readonly random_bool: boolean; readonly random_int_arr: readonly number[] };
  };
}

it('the documented schema: examples where there are any, random values elsewhere', async (t) => {
  const lab = await openLab(t, routeWith({ mocking: { response_schema: DOCUMENTED } }));
  const made = JSON.parse((await lab.request('/anything')).text) as Made;
  assert.deepEqual([made.id, made.ip], ['abcd', 192.168]);
  assert.ok(made.random_str_arr.length >= 1 && made.random_str_arr.every((text) => /^[a-z]+$/.test(text)));
  assert.match(made.nested_obj.random_str, /^[a-z]+$/);
  const { random_bool, random_int_arr } = made.nested_obj.child_nested_obj;
  assert.ok(random_bool && random_int_arr.length >= 1 && random_int_arr.every((number) => number === 155));
  assert.notEqual((await lab.request('/')).text, (await lab.request('/')).text);
});

it('each type gives a value of its own', () => {
  const of = (schema: object): unknown => exampleOf(schema, () => 0.5);
  assert.equal(typeof of({ type: 'number' }), 'number');
  assert.ok(Number.isInteger(of({ type: 'integer' })));
  assert.equal(typeof of({ type: 'boolean' }), 'boolean');
  assert.deepEqual(of({ type: 'object' }), {});
  assert.deepEqual(of({ properties: { a: { type: 'integer', example: 0 } } }), { a: 0 });
  assert.deepEqual(of({ type: 'array', items: { type: 'string', example: '' } }), ['', '']);
});

it('an example goes before a schema, and HEAD has no body', async (t) => {
  const lab = await openLab(t, routeWith({ mocking: { response_example: 'this', response_schema: DOCUMENTED } }));
  assert.equal((await lab.request('/')).text, 'this');
  const head = await lab.request('/', { method: 'HEAD' });
  assert.deepEqual([head.status, head.text, head.headers['content-length']], [200, '', '4']);
});

it('the answer waits as long as it is told to', async (t) => {
  const clock = new HandClock();
  const lab = await openLab(t, routeWith({ mocking: { delay: 1, response_example: 'late' } }), { clock });
  let isAnswered = false;
  const isWaiting = clock.started(1_000);
  const answer = lab.request('/').then(({ text }) => {
    isAnswered = true;
    return text;
  });
  await isWaiting;
  clock.pass(999);
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(isAnswered, false);
  clock.pass(1);
  assert.equal(await answer, 'late');
});

const deep = (depth: number): object => (depth === 0 ? { type: 'string' } : { type: 'array', items: deep(depth - 1) });
const FAULTY: [attributes: object, expected: RegExp][] = [
  [{}, /write "response_example" or "response_schema"/],
  [{ response_schema: { type: 'null' } }, /response_schema\.type: "null" is no type here/],
  [{ response_schema: {} }, /response_schema\.type: none is no type/],
  [{ response_schema: { type: 'array' } }, /response_schema\.items: a schema is an object/],
  [{ response_schema: { type: 'object', properties: { a: { type: 'any' } } } }, /properties\.a\.type/],
  [{ response_schema: deep(20) }, /nested more than 8 deep/],
  [{ response_example: '', delay: 3_600 }, /delay: 3600 is more than/],
  [{ response_example: '', response_headers: { 'Transfer-Encoding': 'x' } }, /response_headers\.Transfer-Encoding/],
];
for (const [attributes, expected] of FAULTY) {
  it(`${JSON.stringify(attributes).slice(0, 80)} is refused`, () => {
    assert.match(problemsOf(routeWith({ mocking: attributes })).join(), expected);
  });
}

it('every example is a right configuration', () => {
  for (const { config } of mocking.examples ?? []) assert.deepEqual(problemsOf(routeWith({ mocking: config })), []);
});
