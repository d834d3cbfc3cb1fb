import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AccessRecord } from './access-record.ts';
import { checkFormat, compileFormat } from './format.ts';

process.env['TZ'] = 'Asia/Kolkata';

const HEADERS: Record<string, string> = { 'user-agent': 'curl/8.0', referer: 'https://a.example/?q=1' };

const ANSWERED: AccessRecord = {
  id: '9f3c-1',
  requestId: 'r-7',
  revision: 12,
  remoteAddress: '203.0.113.9',
  serverPort: 9080,
  scheme: 'http',
  method: 'GET',
  target: '/a?b=c',
  protocol: 'HTTP/1.1',
  hostHeader: 'shop.example:9080',
  status: 200,
  bodyBytesSent: 155,
  startedAt_ms: Date.UTC(2026, 10, 21, 8, 30, 5, 100),
  duration_ms: 12.4,
  errorCode: '',
  routeId: 'r1',
  serviceId: '',
  upstreamAddresses: '10.0.0.1:80, 10.0.0.2:80',
  upstreamStatuses: '-, 200',
  upstreamTimes: '-, 0.011',
  upstreamUri: '/a?b=c',
  upstreamScheme: 'http',
  upstreamHost: 'shop.example:9080',
  consumerName: 'jack',
  header: (name) => HEADERS[name],
  responseHeader: (name) => (name === 'content-type' ? 'text/plain' : undefined),
  variable: (name) => ({ uri: '/a', arg_b: 'c', cookie_lang: 'de' })[name],
};

const REFUSED: AccessRecord = {
  ...ANSWERED,
  method: '',
  target: '',
  hostHeader: '',
  status: 400,
  duration_ms: 0,
  errorCode: 'bad_request_line',
  routeId: '',
  upstreamAddresses: '',
  upstreamStatuses: '',
  upstreamTimes: '',
  upstreamUri: '',
  upstreamScheme: '',
  upstreamHost: '',
  consumerName: '',
  header: () => undefined,
};

const line = (format: string, record: AccessRecord): string => compileFormat(format).format(record);

test('text is the default line of APISIX with the reason, the route and the id at its end', () => {
  assert.equal(
    line('text', ANSWERED),
    '203.0.113.9 - - [21/Nov/2026:14:00:05 +0530] shop.example:9080 "GET /a?b=c HTTP/1.1" 200 155 0.012 ' +
      '"https://a.example/?q=1" "curl/8.0" 10.0.0.1:80, 10.0.0.2:80 -, 200 -, 0.011 ' +
      '"http://shop.example:9080/a?b=c" - r1 r-7\n',
  );
});

test('what a refused exchange does not have is a dash in text', () => {
  assert.equal(
    line('text', REFUSED),
    '203.0.113.9 - - [21/Nov/2026:14:00:05 +0530] - "-" 400 155 0.000 "-" "-" - - - "-://--" bad_request_line - r-7\n',
  );
});

test('json has the same as typed fields', () => {
  const answered: unknown = JSON.parse(line('json', ANSWERED));
  assert.deepEqual(answered, {
    time: '2026-11-21T14:00:05.112+05:30',
    request_id: 'r-7',
    remote_addr: '203.0.113.9',
    remote_user: null,
    scheme: 'http',
    server_port: 9080,
    http_host: 'shop.example:9080',
    request_method: 'GET',
    request_uri: '/a?b=c',
    server_protocol: 'HTTP/1.1',
    status: 200,
    body_bytes_sent: 155,
    request_time: 0.012,
    http_referer: 'https://a.example/?q=1',
    http_user_agent: 'curl/8.0',
    upstream_addr: ['10.0.0.1:80', '10.0.0.2:80'],
    upstream_status: [null, 200],
    upstream_response_time: [null, 0.011],
    upstream_scheme: 'http',
    upstream_host: 'shop.example:9080',
    upstream_uri: '/a?b=c',
    error_code: null,
    route_id: 'r1',
    service_id: null,
    consumer_name: 'jack',
    exchange_id: '9f3c-1',
    config_revision: 12,
  });
  const refused = JSON.parse(line('json', REFUSED)) as Record<string, unknown>;
  assert.equal(refused['error_code'], 'bad_request_line');
  assert.deepEqual(
    [refused['request_method'], refused['upstream_addr'], refused['upstream_status'], refused['route_id']],
    [null, [], [], null],
  );
});

test('a template gives the variables that it names', () => {
  const rows: [format: string, expected: string][] = [
    ['$status', '200\n'],
    ['<${status}>$request_method', '<200>GET\n'],
    ['$uri $arg_b $cookie_lang $args\n', '/a c de -\n'],
    ['$sent_http_content_type $http_user_agent $http_x_missing', 'text/plain curl/8.0 -\n'],
    ['$time_iso8601 $msec $request_time', '2026-11-21T14:00:05+05:30 1795249805.112 0.012\n'],
    ['$consumer_name $config_revision $apisix_request_id $exchange_id', 'jack 12 r-7 9f3c-1\n'],
    ['"$request_line"', '"GET /a?b=c HTTP/1.1"\n'],
    ['{"s": $status, "h": "$http_host", "x": "$http_x"}', '{"s": 200, "h": "shop.example:9080", "x": ""}\n'],
  ];
  for (const [format, expected] of rows) assert.equal(line(format, ANSWERED), expected, format);
});

test('only the user name of basic credentials is logged', () => {
  const rows: [credentials: string, expected: string][] = [
    [`Basic ${Buffer.from('ann:secret').toString('base64')}`, 'ann\n'],
    [`bAsIc ${Buffer.from('a b"\n:secret').toString('base64')}`, 'a b\\x22\\x0A\n'],
    [`Basic ${Buffer.from('nocolonsecret').toString('base64')}`, '-\n'],
    ['Bearer secret', '-\n'],
    ['Basic', '-\n'],
  ];
  for (const [credentials, expected] of rows) {
    assert.equal(line('$remote_user', { ...ANSWERED, header: () => credentials }), expected, credentials);
  }
});

test('a format that cannot be used is refused with every reason', () => {
  const rows: [format: string, ...problems: RegExp[]][] = [
    ['$stauts', /^\$stauts is not a variable of the access log; use one of .*\bstatus\b/],
    ['$nope $neither $status', /^\$nope /, /^\$neither /],
    ['$http_authorization', /would write credentials/],
    ['$http_cookie $sent_http_set_cookie', /would write credentials/, /would write credentials/],
    ['$constructor', /^\$constructor is not a variable/],
    ['$__proto__', /^\$__proto__ is not a variable/],
    ['$http_', /^\$http_ is not a variable/],
    ['$status $', /"\$" at position 8 begins no variable/],
    ['$status ${', /begins no variable/],
    ['static', /no variable/],
    ['$status\n$host', /one line of ASCII/],
    ['$status\u001b[31m', /one line of ASCII/],
    ['{"a": $http_x}', /put quotes around/],
    ['{"a": "$status"', /is not JSON/],
  ];
  for (const [format, ...problems] of rows) {
    const found = checkFormat(format);
    assert.equal(found.length, problems.length, `${format}: ${found.join('; ')}`);
    for (const [i, problem] of problems.entries()) assert.match(found[i] ?? '', problem, format);
    assert.throws(() => compileFormat(format), TypeError, format);
  }
  for (const format of ['text', 'json', '$status', '{"s":$status}']) assert.deepEqual(checkFormat(format), [], format);
});

const HOSTILE: readonly string[] = [
  '\n203.0.113.1 - - [forged]',
  '\r\n',
  '" 200 0 "',
  '\\',
  '\\" \\x22',
  '\u0000\u0007\u001b[2J\u007f',
  '\u0080\u0085\u009b\u00ff',
  Buffer.from('für \u2028 日本').toString('latin1'),
  '","status":200,"x":"',
  '\u2028\u2029\ud800 \u{1f600}',
];

/** Every field that anybody outside the gateway can fill. */
const poisoned = (value: string): AccessRecord => ({
  ...ANSWERED,
  requestId: value,
  method: value,
  target: value,
  hostHeader: value,
  routeId: value,
  serviceId: value,
  upstreamUri: value,
  upstreamHost: value,
  upstreamAddresses: value,
  consumerName: value,
  header: () => value,
  responseHeader: () => value,
  variable: () => value,
});

test('no value of a client begins a line, ends its field or reaches a terminal', () => {
  const template = '"$request" "$uri" "$arg_x" "$sent_http_x" "$request_id" "$consumer_name" "$upstream_addr"';
  for (const value of HOSTILE) {
    for (const format of ['text', 'json', template, '{"a":"$request","b":"$consumer_name","c":"$http_x"}']) {
      const made = line(format, poisoned(value));
      const name = `${format} with ${JSON.stringify(value)}`;
      assert.match(made, /^[\x20-\x7e]+\n$/, name);
      if (format === template) assert.equal(made.split('"').length, 15, name);
      if (format.startsWith('{') || format === 'json') JSON.parse(made);
    }
  }
});

test('hostile values come out of json as they went in', () => {
  const rows: [value: string, expected: string][] = [
    ['" \\ \n \u0000', '" \\ \n \u0000'],
    // Bytes of UTF-8 are read as such; bytes that are not are shown by their numbers.
    [Buffer.from('für 日本').toString('latin1'), 'für 日本'],
    ['\u00ff\u00fe', '\u00ff\u00fe'],
  ];
  for (const [value, expected] of rows) {
    const parsed = JSON.parse(line('json', { ...ANSWERED, target: value })) as { request_uri: string };
    assert.equal(parsed.request_uri, expected);
  }
});

test('text shows bytes in hexadecimal and names of the configuration as UTF-8', () => {
  assert.equal(line('$request_uri', { ...ANSWERED, target: '/\u00fc"\u0001' }), '/\\xFC\\x22\\x01\n');
  assert.equal(line('$consumer_name', { ...ANSWERED, consumerName: 'J\u00fcrgen' }), 'J\\xC3\\xBCrgen\n');
});

test('a value is never remembered for a line that has another', () => {
  const { format } = compileFormat('$status $http_host $route_id "$request"');
  const one = { ...ANSWERED, hostHeader: 'a', routeId: '' };
  const two = { ...ANSWERED, hostHeader: '', routeId: 'r"2', method: '', status: 502 };
  for (let i = 0; i < 3; i++) {
    assert.equal(format(one), '200 a - "GET /a?b=c HTTP/1.1"\n');
    assert.equal(format(two), '502 - r\\x222 "-"\n');
  }
});

test('the second turns at the right moment, also backwards', () => {
  const { format } = compileFormat('$time_local');
  const at = (ms: number): string => format({ ...ANSWERED, startedAt_ms: ms, duration_ms: 0 }).slice(12, 20);
  const second = Date.UTC(2026, 0, 1, 0, 0, 0);
  const rows: [ms: number, expected: string][] = [
    [second, '05:30:00'],
    [second + 999.9, '05:30:00'],
    [second + 1000, '05:30:01'],
    [second - 1, '05:29:59'],
  ];
  for (const [ms, expected] of rows) assert.equal(at(ms), expected);
});

test('arguments that carry secrets are shown by no format', () => {
  const record: AccessRecord = {
    ...ANSWERED,
    chain: { secretArguments: ['b'] },
    variable: (name) => ({ args: 'b=c', query_string: 'b=c', arg_b: 'c', auth_reason: 'key_unknown' })[name],
  };
  const formats = ['text', 'json', '$request $request_line $request_uri $args $query_string $arg_b $upstream_uri'];
  for (const format of formats) {
    const written = line(format, record);
    assert.match(written, /b=\*\*\*/);
    assert.doesNotMatch(written, /b=c|"c"| c /, format);
  }
  assert.equal(line('$auth_reason', record), 'key_unknown\n');
});
