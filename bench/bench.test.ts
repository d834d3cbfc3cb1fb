import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { answerTo, REFUSED } from './answers.ts';
import { parseArguments, paceOf, UsageError } from './arguments.ts';
import { parseCoreList, parseCoreStat, parseProcessStat, treeOf } from './cpu.ts';
import { byWorker, unevenness } from './fairness.ts';
import type { Setup } from './gateways/gateway.ts';
import { gatewrightConfig } from './gateways/gatewright.ts';
import { haproxyConfig } from './gateways/haproxy.ts';
import { nginxConfig } from './gateways/nginx.ts';
import { divideCores } from './lab.ts';
import { parseH2load } from './h2load.ts';
import { Echo, frameOf } from './echo.ts';
import { loadCommand, loadFault, parseWrk, wrkArguments, type LoadResult } from './load.ts';
import { allowedConnections } from './memory.ts';
import { categoryOf, categoryTable, functionTable, selfTimes } from './profile-report.ts';
import { loadTable, memoryTable, remarks, table } from './report.ts';
import { median, quantile, quietest, summarise, verdictOf, type Sample } from './summary.ts';
import { expectedOf, WORKLOADS, type Workload } from './workloads.ts';

const GOOD: LoadResult = {
  duration_us: 2_000_000,
  requests: 1000,
  bytes: 250_000,
  connect: 0,
  read: 0,
  write: 0,
  timeout: 0,
  status: 0,
  p50_us: 900,
  p99_us: 4000,
};

const setup: Setup = {
  folder: '/tmp/x',
  port: 1001,
  controlPort: 1002,
  upstreamPort: 1003,
  redisPort: 1004,
  routes: ['/*'],
  tuning: {},
};

function workload(name: string): Workload {
  const found = WORKLOADS.find((each) => each.name === name);
  assert.ok(found, name);
  return found;
}

/** A sample whose cost is `cost` microseconds a request, a quarter of it user time. */
function sample(gateway: string, round: number, cost: number, changes: Partial<Sample> = {}): Sample {
  const requests = 1000;
  return {
    workload: 'bare',
    gateway,
    round,
    requests,
    duration_us: 50_000,
    user_us: (cost * requests) / 4,
    system_us: (cost * requests * 3) / 4,
    p50_us: 1000,
    p99_us: 5000,
    rss_kib: 20_480,
    foreign: 0,
    ...changes,
  };
}

describe('cpu', () => {
  test('a line of /proc/PID/stat is read in spite of a name with spaces and parentheses', () => {
    const line = '42 (a (b) c) S 7 42 42 0 -1 4194304 9 0 0 0 150 50 30 20 20 0 4 0 100 1 1 1';
    assert.deepEqual(parseProcessStat(line), { parent: 7, user_us: 1_800_000, system_us: 700_000 });
  });

  test('what is no such line is refused', () => {
    assert.throws(() => parseProcessStat('42 (cut) S 7'), /not a line/);
  });

  test('a core is told from one whose number begins alike, and waiting is not counted as busy', () => {
    const text = 'cpu  9 9 9 9 9 9 9 9 0 0\ncpu1 10 1 20 700 50 2 3 4 0 0\ncpu12 1 1 1 1 1 1 1 1 0 0\n';
    assert.deepEqual(parseCoreStat(text, 1), { busy_us: 360_000, stolen_us: 40_000 });
    assert.throws(() => parseCoreStat(text, 2), /no line for core 2/);
  });

  for (const [text, cores] of [
    ['0', [0]],
    ['0-2,5\n', [0, 1, 2, 5]],
    ['3,8-9', [3, 8, 9]],
  ] as const) {
    test(`the list of cores ${JSON.stringify(text)} is read`, () => assert.deepEqual(parseCoreList(text), cores));
  }

  test('a tree holds grandchildren and nobody else', () => {
    const parents = new Map([
      [10, 1],
      [11, 10],
      [12, 11],
      [20, 1],
    ]);
    assert.deepEqual(treeOf(10, parents), [10, 11, 12]);
  });

  test('the gateway gets the last core, and shares it only if there is no other', () => {
    assert.deepEqual(divideCores([0, 1]), { gateway: [1], load: [0] });
    assert.deepEqual(divideCores([2, 3, 5]), { gateway: [5], load: [2, 3] });
    assert.deepEqual(divideCores([4]), { gateway: [4], load: [4] });
  });
});

describe('load', () => {
  test("wrk's result is found among its other output", () => {
    const text = `Running 2s test @ http://127.0.0.1:1/\n  1 threads\n\n@result ${JSON.stringify(GOOD)}\n`;
    assert.deepEqual(parseWrk(text), GOOD);
  });

  test("wrk's own words are in the error if there is no result, and a missing number is named", () => {
    assert.throws(() => parseWrk('unable to connect to 127.0.0.1:1'), /no result: unable to connect/);
    assert.throws(() => parseWrk('@result {"duration_us":1}'), /no number for requests/);
  });

  test("h2load's result is read, with the quantiles of its log", () => {
    const text = `finished in 2.00s, 500.00 req/s, 1.00MB/s
requests: 1010 total, 1010 started, 1000 done, 998 succeeded, 2 failed, 0 errored, 0 timeout
status codes: 997 2xx, 0 3xx, 1 4xx, 2 5xx
traffic: 244.14KB (250000) total, 5.16KB (5288) headers (space savings 95.18%), 151KB (155000) data
`;
    const log = Array.from({ length: 101 }, (_, i) => `17952814243566${i}\t200\t${i * 10}\n`).join('');
    const changes = { read: 2, status: 3, p50_us: 500, p99_us: 990 };
    assert.deepEqual(parseH2load(text, log), { ...GOOD, ...changes });
    assert.throws(() => parseH2load('connection refused', ''), /no result: connection refused/);
  });

  test('a workload of HTTP/2 has a generator and gateways that speak it', () => {
    const { kind, ...rest } = workload('h2-16-streams');
    assert.ok(kind === 'load' && 'load' in rest);
    const { command, args } = loadCommand(rest.load, { port: 1, seconds: 2, folder: '/f' });
    assert.equal(command, 'h2load');
    for (const argument of ['--clients=8', '--max-concurrent-streams=16', '--duration=2'])
      assert.ok(args.includes(argument));
    const http2: Setup = { ...setup, isHttp2: true };
    assert.match(nginxConfig(http2), /listen 127\.0\.0\.1:\d+ backlog=4096 http2;/);
    assert.match(haproxyConfig(http2), /bind 127\.0\.0\.1:\d+ backlog 4096 proto h2\n/);
    assert.match(gatewrightConfig(http2), /"http2": true/);
  });

  for (const [what, changes, expected] of [
    ['a good run', {}, undefined],
    ['an error status', { status: 3 }, /^3 answers with a status of 400 or more$/],
    ['failed reads and timeouts', { read: 1, timeout: 2 }, /^1 failed reads, 2 timeouts$/],
    ['no answer', { requests: 0, bytes: 0 }, /no answer at all/],
    ['answers without their bodies', { bytes: 100_000 }, /100 bytes an answer, fewer than its body's 155/],
  ] as const) {
    test(`${what} is judged`, () => {
      const fault = loadFault({ ...GOOD, ...changes }, { status: 200, content: answerTo('/').content });
      if (expected === undefined) assert.equal(fault, undefined);
      else assert.match(fault ?? '', expected);
    });
  }

  test('where a refusal is expected, every answer has to be one', () => {
    assert.equal(loadFault({ ...GOOD, status: 1000 }, REFUSED), undefined);
    assert.equal(loadFault({ ...GOOD, status: 997 }, REFUSED), '3 answers with a status below 400');
    assert.match(loadFault({ ...GOOD, status: 1000, bytes: 30_000 }, REFUSED) ?? '', /30 bytes an answer/);
  });

  test('a workload says what each gateway has to answer', () => {
    const small = answerTo('/').content;
    assert.deepEqual(expectedOf(workload('bare'), 'nginx'), { status: 200, content: small });
    assert.deepEqual(expectedOf(workload('idle-10000'), 'nginx'), { status: 200, content: small });
    assert.equal(expectedOf(workload('refused'), 'nginx').status, 401);
    const rewritten = expectedOf(workload('plugin-response-rewrite'), 'gatewright');
    assert.equal(rewritten.content.replace('plain', 'small'), small);
    assert.notEqual(rewritten.content, small);
    assert.equal(expectedOf(workload('plugin-response-rewrite'), 'nginx').content, small);
  });

  test('what wrk does not speak is left to clients of our own', () => {
    const commands = ['bare', 'tls', 'tls-resumed', 'websocket'].map((name) => {
      const { kind, ...chosen } = workload(name);
      assert.ok(kind === 'load' && 'load' in chosen);
      return loadCommand(chosen.load, { port: 1, seconds: 2, folder: '' });
    });
    assert.deepEqual(
      commands.map(({ command }) => command === 'wrk'),
      [true, true, false, false],
    );
    assert.ok(commands[1]?.args.includes('https://127.0.0.1:1/'));
    assert.ok(commands[3]?.args.includes('websocket'));
  });

  for (const length of [0, 1, 125, 126, 155, 60_000]) {
    test(`a frame of ${length} bytes comes back unmasked, however it is cut`, () => {
      const text = 'x'.repeat(length);
      const frames = Buffer.concat([frameOf(text, true), frameOf('next', true)]);
      const whole = Buffer.concat([frameOf(text, false), frameOf('next', false)]);
      const cuts = length > 1000 ? [1, 5, 30_000] : Array.from({ length: frames.length }, (_, cut) => cut);
      for (const cut of cuts) {
        const echo = new Echo();
        const back = Buffer.concat([echo.take(frames.subarray(0, cut)), echo.take(frames.subarray(cut))]);
        assert.deepEqual(back, whole, `cut at ${cut}`);
      }
    });
  }

  test('a workload with a new connection per request asks for it, another does not', () => {
    const closing = workload('connection-per-request');
    const bare = workload('bare');
    assert.ok(closing.kind === 'load' && bare.kind === 'load');
    assert.ok(wrkArguments(closing.load, 1, 2).includes('--header=Connection: close'));
    assert.ok(!wrkArguments(bare.load, 1, 2).includes('--header=Connection: close'));
  });

  test('the answers have the sizes that the workloads promise', () => {
    const sizes = ['/', '/10k', '/1m', '/chunked'].map((path) => answerTo(path).content.length);
    assert.deepEqual(sizes, [155, 10_240, 1_048_576, 1024]);
    assert.match(answerTo('/chunked').body, /^100\r\n.{63}\n/);
    assert.equal(answerTo('/anything/else'), answerTo('/'));
  });

  test('the limit on open files lowers the number of idle connections', () => {
    const limits = (hard: string): string =>
      `Limit  Soft Limit  Hard Limit  Units\nMax open files  1024  ${hard}  files\n`;
    assert.equal(allowedConnections(10_000, limits('20000')), 10_000);
    assert.equal(allowedConnections(10_000, limits('4096')), 3096);
    assert.equal(allowedConnections(10_000, limits('512')), 0);
    assert.equal(allowedConnections(10_000, limits('unlimited')), 10_000);
  });
});

describe('summary', () => {
  test('quantiles are interpolated, whatever the order', () => {
    assert.equal(median([3, 1, 2]), 2);
    assert.equal(median([4, 1, 3, 2]), 2.5);
    assert.equal(quantile([10, 20, 30, 40, 50], 0.25), 20);
    assert.throws(() => median([]), /no values/);
  });

  test('the ratio is taken within each round, so that a machine that slows down does not shift it', () => {
    const speeds = [1, 3, 2];
    const samples = speeds.flatMap((slow, i) => [sample('nginx', i, 10 * slow), sample('gatewright', i, 11 * slow)]);
    const [nginx, gatewright] = summarise(workload('bare'), samples);
    assert.equal(nginx?.ratio?.median, 1);
    assert.equal(nginx?.verdict, undefined);
    assert.ok(Math.abs((gatewright?.ratio?.low ?? 0) - 1.1) < 1e-9);
    assert.ok(Math.abs((gatewright?.ratio?.high ?? 0) - 1.1) < 1e-9);
    assert.equal(gatewright?.verdict, 'accept');
    assert.equal(gatewright?.cpu_us, 22);
    assert.equal(gatewright?.user_us, 5.5);
    assert.equal(gatewright?.busy, 0.44);
  });

  test('without nginx there is no ratio and no verdict', () => {
    const [row] = summarise(workload('bare'), [sample('gatewright', 0, 10)]);
    assert.equal(row?.ratio, undefined);
    assert.equal(row?.verdict, undefined);
  });

  test('a workload with many routes is compared with the same gateway without them, and has its own rows only', () => {
    const samples = ['nginx', 'gatewright'].flatMap((gateway) => [
      sample(gateway, 0, 12, { workload: 'routes-1000' }),
      sample(gateway, 0, 10),
    ]);
    const rows = summarise(workload('routes-1000'), samples);
    assert.equal(rows.length, 2);
    assert.equal(rows[1]?.toAgainst?.median, 1.2);
    assert.match(
      remarks(WORKLOADS, rows, samples).join('\n'),
      /routes-1000 ÷ its own bare: nginx 1.20 \(1.20–1.20\), gatewright/,
    );
  });

  test('four plugins are judged by bare nginx in the same rounds', () => {
    const samples = [
      sample('nginx', 0, 12, { workload: 'four-plugins' }),
      sample('nginx', 0, 10),
      sample('gatewright', 0, 14, { workload: 'four-plugins' }),
      sample('gatewright', 0, 11),
    ];
    const [nginx, gatewright] = summarise(workload('four-plugins'), samples);
    assert.deepEqual([nginx?.ratio?.median, gatewright?.ratio?.median, gatewright?.verdict], [1.2, 1.4, 'accept']);
    const told = remarks(WORKLOADS, [nginx!, gatewright!], samples).join('\n');
    assert.match(told, /four-plugins: × nginx is the ratio to nginx in bare/);
  });

  test('the quietest rounds are kept whole, and one that lacks a gateway comes last', () => {
    const samples = [0.3, 0.01, 0.02].flatMap((foreign, round) => [
      sample('nginx', round, 10, { foreign }),
      ...(round === 1 ? [] : [sample('gatewright', round, 11)]),
    ]);
    const rounds = quietest(samples, 2).map(({ gateway, round }) => `${gateway} ${round}`);
    assert.deepEqual(rounds, ['nginx 2', 'gatewright 2', 'nginx 0', 'gatewright 0']);
  });

  test('a value is judged as it is shown', () => {
    const goal = { goal: 1, accept: 1.15 };
    assert.deepEqual(
      [0.9, 1.004, 1.006, 1.154, 1.16].map((value) => verdictOf(value, goal)),
      ['goal', 'goal', 'accept', 'accept', 'missed'],
    );
  });
});

describe('report', () => {
  test('a table pads words to the right and numbers to the left, and draws an empty row as a line', () => {
    const text = table(['name', 'n'], [['a', '1'], [], ['bcdef', '234']], 1);
    assert.equal(text, 'name     n\n─────  ───\na        1\n─────  ───\nbcdef  234');
  });

  test("Gatewright's row has the goal beside it, and a gateway that was not the bottleneck is marked", () => {
    const samples = [sample('nginx', 0, 45), sample('gatewright', 0, 54, { duration_us: 100_000 })];
    const rows = summarise(workload('bare'), samples);
    const [, , nginx, gatewright] = loadTable(WORKLOADS, rows).split('\n');
    assert.match(nginx ?? '', /^bare +nginx +45\.0 +11\.3 +33\.8 +1\.00 .* 90$/);
    assert.match(gatewright ?? '', /gatewright +54\.0 .* 1\.20 .* 54\* +1\.00 +1\.15 +MISSED$/);
    assert.match(remarks(WORKLOADS, rows, samples).join('\n'), /not the bottleneck[^]*first impression/);
  });

  test('memory is shown per connection', () => {
    const row = { workload: 'idle-10000', gateway: 'gatewright', connections: 9000, before_mib: 80, after_mib: 110 };
    const text = memoryTable(WORKLOADS, [{ ...row, each_kib: 3.41, verdict: 'goal' }]);
    assert.match(text, /gatewright +9000 +80\.0 +110\.0 +3\.41 +3\.50 +5\.00 +goal met$/);
  });
});

describe('arguments', () => {
  const names = WORKLOADS.map(({ name }) => name);

  test('a quick run has one short round and an end', () => {
    const quick = parseArguments(['--quick'], names);
    assert.deepEqual(quick.gateways, ['nginx', 'gatewright']);
    const pace = paceOf(quick);
    assert.deepEqual([pace.rounds, pace.seconds, pace.spareRounds], [1, 1, 0]);
    assert.ok(pace.within_ms < 60_000);
  });

  test('what is given is taken', () => {
    const args = ['--only', 'bare,chunked', '--gateways', 'nginx', '--rounds', '3', '--seconds=4', '--json', 'x.json'];
    const { only, gateways, rounds, seconds, json } = parseArguments(args, names);
    assert.deepEqual(
      { only, gateways, rounds, seconds, json },
      {
        only: ['bare', 'chunked'],
        gateways: ['nginx'],
        rounds: 3,
        seconds: 4,
        json: 'x.json',
      },
    );
  });

  for (const [args, message] of [
    [['--only', 'bear'], /no workload 'bear', only bare, post-1k/],
    [['--rounds', '0'], /--rounds is '0', must be a whole number/],
    [['--seconds', '1.5'], /--seconds is '1.5'/],
    [['--fast'], /--fast/],
    [['bare'], /bare/],
  ] as const) {
    test(`${args.join(' ')} is refused`, () => {
      assert.throws(
        () => parseArguments(args, names),
        (error: Error) => error instanceof UsageError && message.test(error.message),
      );
    });
  }
});

describe('gateways', () => {
  test('nginx forwards everything, or exactly what is declared', () => {
    assert.match(nginxConfig(setup), /location \/ \{ proxy_pass/);
    const text = nginxConfig({ ...setup, routes: ['/a/*', '/b'], tuning: { nginx: { server: ['gzip off;'] } } });
    assert.match(text, /location \^~ \/a\/ \{[^]*location = \/b \{/);
    assert.match(text, /^ {4}gzip off;$/m);
  });

  test('HAProxy looks routes up only where there is more than everything', () => {
    assert.match(haproxyConfig(setup), /default_backend upstream/);
    assert.match(haproxyConfig({ ...setup, routes: ['/a/*', '/b'] }), /map_str\(\/tmp\/x\/exact\.map\)[^]*map_beg/);
  });

  test('Gatewright gets one route a path, with what the workload adds', () => {
    const tuning = { gatewright: { route: { plugins: { x: {} } }, document: { consumers: [] } } };
    const document = JSON.parse(gatewrightConfig({ ...setup, routes: ['/a/*', '/b'], tuning })) as {
      gateway: unknown;
      routes: unknown[];
      consumers: unknown;
    };
    assert.deepEqual(document.gateway, {
      http: [{ address: '127.0.0.1', port: 1001 }],
      control: { address: '127.0.0.1', port: 1002 },
    });
    const upstream = { type: 'roundrobin', nodes: { '127.0.0.1:1003': 1 } };
    assert.deepEqual(document.routes[1], { uri: '/b', upstream, plugins: { x: {} } });
    assert.deepEqual(document.consumers, []);
  });

  test('a limit in Redis is told where that is', () => {
    const { tuning } = workload('redis-limit-count');
    assert.match(
      gatewrightConfig({ ...setup, tuning }),
      /"policy": "redis",\s+"redis_host": "127.0.0.1",\s+"redis_port": 1004/,
    );
    assert.ok(WORKLOADS.every(({ name, needsRedis = false }) => needsRedis === name.startsWith('redis-')));
  });

  test('an upstream over TLS is spoken to over TLS by all, and in HTTP/2 by who can', () => {
    const { tuning } = workload('upstream-h2');
    const secured = { ...setup, tuning, isUpstreamSecured: true };
    assert.match(nginxConfig(secured), /proxy_pass https:\/\/upstream;/);
    assert.match(haproxyConfig(secured), /server only 127\.0\.0\.1:1003 .* ssl verify none alpn h2\n/);
    const { routes } = JSON.parse(gatewrightConfig(secured)) as { routes: { plugins: object; upstream: object }[] };
    assert.deepEqual(routes[0]?.plugins, { 'upstream-http2': {} });
    assert.match(JSON.stringify(routes[0].upstream), /"scheme":"https","tls":\{"verify":false\}/);
  });

  test('over TLS all of them have the one certificate, and Gatewright gives it to clients that name no server', () => {
    const secured = { ...setup, isSecured: true };
    assert.match(nginxConfig(secured), /listen 127\.0\.0\.1:1001 ssl [^]*ssl_certificate \/tmp\/x\/cert\.pem;/);
    assert.match(haproxyConfig(secured), /bind 127\.0\.0\.1:1001 .*ssl crt \/tmp\/x\/both\.pem/);
    const document = JSON.parse(gatewrightConfig(secured)) as { gateway: Record<string, unknown>; ssls: unknown[] };
    assert.deepEqual(document.gateway['https'], [{ address: '127.0.0.1', port: 1001 }]);
    assert.deepEqual(document.gateway['tls'], { fallback_sni: 'a.example' });
    assert.equal(document.ssls.length, 1);
  });

  test('the thousand routes are different, and the one that is asked for is among them', () => {
    const many = workload('routes-1000');
    assert.equal(new Set(many.routes).size, 1000);
    assert.ok(many.kind === 'load' && many.routes.some((route) => many.load.path.startsWith(route.slice(0, -1))));
  });
});

describe('profile', () => {
  const frame = (functionName: string, url = '', lineNumber = -1) => ({ functionName, url, lineNumber });
  const profile = {
    nodes: [
      { id: 1, callFrame: frame('(idle)') },
      { id: 2, callFrame: frame('parse', 'file:///x/src/http1/head.ts', 9) },
      { id: 3, callFrame: frame('parse', 'file:///x/src/http1/head.ts', 9) },
      { id: 4, callFrame: frame('write', 'node:net', 1) },
    ],
    samples: [1, 2, 3, 4, 2],
    timeDeltas: [0, 5000, 1000, 2000, -7],
  };

  test('a sample lasts until the next one, and one function called from two places is one line', () => {
    const times = selfTimes(profile).map(({ name, place, self_us }) => [name, place, self_us]);
    assert.deepEqual(times, [
      ['(idle)', '', 5000],
      ['parse', 'src/http1/head.ts:10', 3000],
      ['write', 'node:net:2', 0],
    ]);
  });

  test('percentages are of busy time', () => {
    assert.match(categoryTable(selfTimes(profile)), /^ours +3 +100\.0$/m);
    assert.doesNotMatch(functionTable(selfTimes(profile), 5), /idle/);
  });

  for (const [name, url, category] of [
    ['(garbage collector)', '', 'garbage collection'],
    ['(idle)', '', 'idle'],
    ['(program)', '', 'native'],
    ['writeLatin1String', '', 'native'],
    ['onStreamRead', 'node:internal/stream_base_commons', 'node internals'],
    ['load', 'file:///x/node_modules/yaml/index.js', 'packages'],
    ['begin', 'file:///x/src/http1/server-connection.ts', 'ours'],
  ] as const) {
    test(`${name} in '${url}' is ${category}`, () => assert.equal(categoryOf(frame(name, url)), category));
  }
});

describe('fairness', () => {
  test('reads what each worker got, in their order, and says how uneven that is', () => {
    const text = 'x{thread="worker 10"} 7\nx{thread="worker 2"} 5\nxy{thread="worker 1"} 9\nx{thread="control"} 1\n';
    assert.deepEqual(byWorker(text, 'x'), [5, 7]);
    assert.deepEqual([unevenness([10, 10]), unevenness([15, 5]), unevenness([0, 0])], [1, 1.5, 1]);
  });
});
