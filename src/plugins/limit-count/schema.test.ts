import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { problemsOf, routeWith } from '../../../test/plugins/lab.ts';

type Attributes = Readonly<Record<string, unknown>>;

describe('a wrong configuration', () => {
  const two = { count: 1, time_window: 1 };
  const REDIS = { policy: 'redis', redis_host: 'a' };
  const rule = { ...two, key: '$remote_addr' };
  const WRONG: [attributes: Attributes, ...problems: [path: string, message: RegExp][]][] = [
    [{}, ['count', /"count" is needed/], ['time_window', /"time_window" is needed/]],
    [{ count: 0, time_window: -1 }, ['count', /less than the minimum 1/], ['time_window', /less than the minimum 1/]],
    [{ count: 1.5, time_window: 1 }, ['count', /expected an integer or a string/]],
    [{ count: 2 ** 31, time_window: 1 }, ['count', /2147483647/]],
    [{ count: '0', time_window: '1.5' }, ['count', /whole number above 0/], ['time_window', /"1\.5" is neither/]],
    [{ count: '$a b', time_window: '${a ?? 0}' }, ['count', /"\$a b" is neither/], ['time_window', /0 is no whole/]],
    [{ count: 1, time_window: 1, window_type: 'hopping' }, ['window_type', /"fixed", "sliding"/]],
    [{ count: 1, time_window: 1, key: 'a $b' }, ['key', /names no variable/]],
    [{ count: 1, time_window: 1, key: '' }, ['key', /must not be empty/]],
    [{ count: 1, time_window: 1, key_type: 'var_combination' }, ['key', /holds no variable such as \$remote_addr/]],
    [{ count: 1, time_window: 1, key_type: 'cookie' }, ['key_type', /"var_combination"/]],
    [{ count: 1, time_window: 1, rejected_code: 199 }, ['rejected_code', /minimum 200/]],
    [{ count: 1, time_window: 1, rejected_code: 600 }, ['rejected_code', /maximum 599/]],
    [{ count: 1, time_window: 1, rejected_msg: '' }, ['rejected_msg', /must not be empty/]],
    [{ count: 1, time_window: 1, group: '' }, ['group', /must not be empty/]],
    [{ ...two, policy: 'memory' }, ['policy', /"redis-sentinel"/]],
    [{ ...two, policy: 'redis' }, ['redis_host', /is needed with policy redis/]],
    [
      { ...two, policy: 'redis-cluster' },
      ['redis_cluster_nodes', /is needed with policy redis-cluster/],
      ['redis_cluster_name', /is needed/],
    ],
    [
      { ...two, policy: 'redis-cluster', redis_cluster_name: 'c', redis_cluster_nodes: ['a:1', 'b', '[::1]:99999'] },
      ['redis_cluster_nodes[1]', /"b" is no address: write host:port/],
      ['redis_cluster_nodes[2]', /is no address/],
    ],
    [
      { ...two, redis_host: 'a' },
      ['redis_host', /says nothing with policy local: set policy "redis", or leave it out/],
    ],
    [
      { ...two, ...REDIS, redis_cluster_name: 'c', sentinel_password: 's' },
      ['redis_cluster_name', /says nothing with policy redis: set policy "redis-cluster"/],
      ['sentinel_password', /says nothing with policy redis: set policy "redis-sentinel"/],
    ],
    [{ ...two, policy: 'redis-sentinel' }, ['redis_sentinels', /is needed/], ['redis_master_name', /is needed/]],
    [
      {
        ...two,
        policy: 'redis-sentinel',
        redis_sentinels: [{ host: 'a', port: 1 }],
        redis_master_name: 'm',
        redis_role: 'slave',
      },
      ['redis_role', /"slave" can only be read from/],
    ],
    [{ ...two, policy: 'redis', redis_host: 'a', redis_port: 70_000 }, ['redis_port', /65535/]],
    [{ ...two, policy: 'redis', redis_host: 'a', redis_timeout: 0 }, ['redis_timeout', /minimum 1/]],
    [{ ...two, sync_interval: 0.5 }, ['sync_interval', /nothing to be told to with policy local/]],
    [{ ...two, ...REDIS, sync_interval: 0.05 }, ['sync_interval', /0\.05 is neither -1 nor 0\.1 or more/]],
    [{ ...two, ...REDIS, sync_interval: 60 }, ['sync_interval', /60 is no shorter than a window of 1 s/]],
    [{ ...two, ...REDIS, sync_interval: 1, window_type: 'sliding' }, ['sync_interval', /is for fixed windows/]],
    [{ ...two, cost: -1 }, ['cost', /minimum 0/]],
    [{ ...two, cost: 'x' }, ['cost', /"x" is neither a whole number from 0 on/]],
    [{ rules: [] }, ['rules', /must not be empty/]],
    [{ rules: [rule], count: 1 }, ['count', /does not go with "rules"/]],
    [{ rules: [rule], key: 'uri' }, ['key', /do not go with "rules"/]],
    [{ rules: [{ ...rule, key: 'uri' }] }, ['rules[0].key', /holds no variable/]],
    [{ rules: [{ ...rule, count: 'x' }] }, ['rules[0].count', /"x" is neither/]],
    [{ rules: [{ count: 1, time_window: 1 }] }, ['rules[0]', /key/]],
    [{ rules: [{ ...rule, header_prefix: 'a b' }] }, ['rules[0].header_prefix', /letters, digits and hyphens/]],
    [
      {
        rules: [
          { ...rule, header_prefix: 'A' },
          { ...rule, header_prefix: 'a' },
        ],
      },
      ['rules[1].header_prefix', /rules\[0\] begin with X-a- too/],
    ],
    [{ rules: [rule, { ...rule, header_prefix: '1' }] }, ['rules[1].header_prefix', /a prefix of its own/]],
  ];
  for (const [attributes, ...expected] of WRONG) {
    it(JSON.stringify(attributes), () => {
      const found = problemsOf(routeWith({ 'limit-count': attributes }));
      assert.equal(found.length, expected.length, found.join('\n'));
      for (const [index, [path, message]] of expected.entries()) {
        const problem = found[index] ?? '';
        assert.ok(problem.startsWith(`routes[0].plugins.limit-count.${path}`), problem);
        assert.match(problem, message);
      }
    });
  }

  it('a password is not printed', () => {
    const attributes = { ...two, policy: 'redis', redis_host: 'a', redis_password: ['hush'] };
    const found = problemsOf(routeWith({ 'limit-count': attributes }));
    assert.equal(found.length, 1, found.join('\n'));
    assert.doesNotMatch(found.join(), /hush/);
  });

  it('metadata with an impossible header name', () => {
    const metadata = JSON.stringify({ plugin_metadata: [{ id: 'limit-count', limit_header: 'a b' }] });
    assert.match(problemsOf(metadata).join(), /plugin_metadata\[0\]\.limit_header: "a b" is no header name/);
  });
});
