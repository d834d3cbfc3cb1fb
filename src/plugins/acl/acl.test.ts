import assert from 'node:assert/strict';
import { it } from 'node:test';
import { openLab, problemsOf, routeWith } from '../../../test/plugins/lab.ts';
import { definePlugin } from '../../sdk/index.ts';
import { externalUserKey, type ExternalUser } from '../external-user.ts';
import acl from './acl.ts';

type Attributes = Readonly<Record<string, unknown>>;

const LABELS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  alice: { team: 'platform' },
  bob: { team: 'sales' },
  carol: { role: 'guest' },
  dave: { team: 'sales,platform', role: '["admin","guest"]' },
  erin: { team: '[platform', role: '["admin"' },
  frank: {},
};
const NAMES = Object.keys(LABELS);
const CONSUMERS = NAMES.map((username) => ({
  username,
  labels: LABELS[username],
  plugins: { 'key-auth': { key: `${username}-key` } },
}));
const guarded = (attributes: Attributes): string =>
  `consumers: ${JSON.stringify(CONSUMERS)}\n${routeWith({ 'key-auth': {}, acl: attributes })}`;

const CASES: [attributes: Attributes, passing: string[]][] = [
  // The documented examples.
  [{ allow_labels: { team: ['platform'] } }, ['alice', 'dave']],
  [{ deny_labels: { role: ['guest'] } }, ['alice', 'bob', 'erin', 'frank']],
  [{ allow_labels: { team: ['platform', 'sales'] } }, ['alice', 'bob', 'dave']],
  [{ allow_labels: { team: ['platform'], role: ['guest'] } }, ['alice', 'carol', 'dave']],
  [{ allow_labels: { team: ['platform'] }, deny_labels: { role: ['guest'] } }, ['alice']],
  [{ allow_labels: { role: ['admin'] } }, ['dave']],
  [{ allow_labels: { team: ['sales,platform'] } }, []],
  [{ allow_labels: { team: ['[platform'] } }, ['erin']],
  [{ allow_labels: { team: ['plat'] } }, []],
  [{ allow_labels: { Team: ['platform'] } }, []],
  [{ allow_labels: { constructor: ['platform'] } }, []],
];

it('who passes by labels', async (t) => {
  const lab = await openLab(t, guarded({ deny_labels: { a: ['b'] } }));
  for (const [attributes, passing] of CASES) {
    await t.test(JSON.stringify(attributes), async () => {
      lab.reload(guarded(attributes));
      const passed: string[] = [];
      for (const name of NAMES) {
        const { status, text } = await lab.request('/', { headers: { apikey: `${name}-key` } });
        if (status === 200) passed.push(name);
        else assert.deepEqual([status, text], [403, '{"message":"The consumer is forbidden."}\n']);
      }
      assert.deepEqual(passed, passing);
    });
  }
});

it('the documented example: code and message of a refusal', async (t) => {
  const rejected_msg = 'Access denied: insufficient label permissions.';
  const lab = await openLab(t, guarded({ allow_labels: { team: ['platform'] }, rejected_code: 401, rejected_msg }));
  const { status, text } = await lab.request('/', { headers: { apikey: 'bob-key' } });
  assert.deepEqual([status, JSON.parse(text)], [401, { message: rejected_msg }]);
  assert.equal(lab.log[0]?.errorCode, 'label_not_allowed');
});

it('who is nobody is refused with 401', async (t) => {
  const lab = await openLab(t, routeWith({ acl: { deny_labels: { role: ['guest'] } } }));
  assert.equal((await lab.request('/')).status, 401);
});

const GROUPS = { allow_labels: { groups: ['admin'] } };
const TEXT = {
  ...GROUPS,
  external_user_label_field_parser: 'segmented_text',
  external_user_label_field_separator: '\\s*[;|]\\s*',
};
let deep: unknown = 'admin';
for (let i = 0; i < 3_000; i++) deep = { inner: deep };

const EXTERNAL: [attributes: Attributes, user: ExternalUser, status: number][] = [
  [GROUPS, { groups: ['user', 'admin'] }, 200],
  [GROUPS, { groups: 'user, admin' }, 200],
  [GROUPS, { groups: '["user","admin"]' }, 200],
  [GROUPS, { groups: ['user'] }, 403],
  [GROUPS, {}, 403],
  [GROUPS, { groups: null }, 403],
  [GROUPS, { groups: { admin: true } }, 403],
  [GROUPS, { groups: [{ admin: true }, 'admin'] }, 403],
  [
    { ...GROUPS, external_user_label_field: '$..groups', external_user_label_field_key: 'groups' },
    { a: [{ groups: ['admin'] }] },
    200,
  ],
  [
    { allow_labels: { '$.realm.roles': ['admin'] }, external_user_label_field: '$.realm.roles' },
    { realm: { roles: ['admin'] } },
    200,
  ],
  [{ ...GROUPS, external_user_label_field: 'roles' }, { roles: ['admin'], groups: ['admin'] }, 403],
  [TEXT, { groups: 'user ;admin| x' }, 200],
  [TEXT, { groups: 'user,admin' }, 403],
  [{ ...GROUPS, external_user_label_field_parser: 'json' }, { groups: '["admin"]' }, 200],
  [{ ...GROUPS, external_user_label_field_parser: 'json' }, { groups: 'admin' }, 403],
  [{ ...GROUPS, external_user_label_field_parser: 'table' }, { groups: ['admin'] }, 200],
  [{ ...GROUPS, external_user_label_field_parser: 'table' }, { groups: 'admin' }, 403],
  // What cannot be read denies.
  [{ deny_labels: { groups: ['guest'] } }, { groups: ['user'] }, 200],
  [{ deny_labels: { groups: ['guest'] } }, { groups: { guest: true } }, 403],
  [{ deny_labels: { groups: ['guest'] }, external_user_label_field_parser: 'json' }, { groups: 'x' }, 403],
  [{ deny_labels: { '$..x': ['guest'] }, external_user_label_field: '$..x' }, { deep }, 403],
  [{ deny_labels: { groups: ['1'] } }, { groups: 1 }, 403],
];

it('who passes by what a system outside says', async (t) => {
  let user: ExternalUser = {};
  const known = definePlugin({
    name: 'known',
    priority: 3_000,
    summary: 'Says who calls.',
    schema: { type: 'object', properties: {} },
    create: () => ({ rewrite: (exchange) => exchange.set(externalUserKey, user) }),
  });
  const lab = await openLab(t, routeWith({ known: {}, acl: GROUPS }), { plugins: [known] });
  for (const [attributes, who, status] of EXTERNAL) {
    const title = `${JSON.stringify(attributes)} ${JSON.stringify(who).slice(0, 80)}`;
    lab.reload(routeWith({ known: {}, acl: attributes }));
    user = who;
    assert.equal((await lab.request('/')).status, status, title);
  }
});

const WRONG: [attributes: Attributes, expected: RegExp][] = [
  [{}, /write "allow_labels" or "deny_labels"/],
  [{ allow_labels: {} }, /allow_labels/],
  [{ allow_labels: { a: [] } }, /allow_labels\.a/],
  [{ allow_labels: { a: 'b' } }, /allow_labels\.a/],
  [{ ...GROUPS, external_user_label_field: '$.a[?(@.b)]' }, /external_user_label_field: .*write \$\.a\.b/],
  [{ ...GROUPS, external_user_label_field: '$a' }, /external_user_label_field: /],
  [{ ...GROUPS, external_user_label_field_parser: 'segmented_text' }, /belongs to .*write both/],
  [{ ...GROUPS, external_user_label_field_separator: ',' }, /belongs to .*write both/],
  [{ ...TEXT, external_user_label_field_separator: '(' }, /external_user_label_field_separator: "\("/],
];
for (const [attributes, expected] of WRONG) {
  it(`${JSON.stringify(attributes)} is refused`, () => {
    assert.match(problemsOf(routeWith({ acl: attributes })).join(), expected);
  });
}

it('every example is a right configuration', () => {
  for (const { config } of acl.examples ?? []) assert.deepEqual(problemsOf(routeWith({ acl: config })), []);
});
