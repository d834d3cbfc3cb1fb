import assert from 'node:assert/strict';
import { test } from 'node:test';
import { onlyHttp1 } from '../client/speaking.ts';
import { valueOf } from './message.ts';
import { inLab } from './lab.ts';
import { answering, ok } from './scripted-upstream.ts';

const SAME: readonly (readonly [sent: string, seen: string])[] = [
  ['/', '/'],
  ['/pub/../admin', '/admin'],
  ['/pub/./file', '/pub/file'],
  ['/pub/..', '/'],
  ['/pub/.', '/pub/'],
  ['/pub/%2e%2e/admin', '/admin'],
  ['/pub/%2E%2e/admin', '/admin'],
  ['/pub/.%2e/admin', '/admin'],
  ['/pub/%2e/file', '/pub/file'],
  ['/%61dmin', '/admin'],
  ['/%61%64%6D%69%6e', '/admin'],
  ['/a%7eb%2db%5fc', '/a~b-b_c'],
  ['//admin', '/admin'],
  ['/a//b///c/', '/a/b/c/'],
  ['/a//../b', '/b'],
  ['/a%2Fb', '/a%2Fb'],
  ['/a%2fb', '/a%2Fb'],
  ['/a%2f%2fb', '/a%2F%2Fb'],
  ['/caf%c3%a9', '/caf%C3%A9'],
  ['/%e2%82%ac', '/%E2%82%AC'],
  ['/%41', '/A'],
  ['/a%25b', '/a%25b'],
  ['/a%252e%252e/b', '/a%252e%252e/b'],
  ['/a;b=c/d', '/a;b=c/d'],
  ['/a"b', '/a%22b'],
  ['/a|b', '/a%7Cb'],
  ['/a\\b', '/a%5Cb'],
  ["/a!$&'()*+,=:@b", "/a!$&'()*+,=:@b"],
  ['/a?q=../%2e%2e//%61', '/a?q=../%2e%2e//%61'],
  ['/a?', '/a?'],
  ['/a?b?c', '/a?b?c'],
  ['http://a/pub/../admin?x', '/admin?x'],
  ['http://a', '/'],
  ['http://a?x=1', '/?x=1'],
];

const seesTarget = answering((request) => ok(`${request.startLine.split(' ')[1]}`));

for (const [sent, seen] of SAME) {
  let matched = '';
  test(
    `what is matched is what is forwarded: ${sent} is ${seen}`,
    inLab(
      {
        upstreams: [seesTarget],
        find: (request, route) => {
          matched = request.path;
          return route;
        },
      },
      async (lab) => {
        const answer = await lab.ask(`GET ${sent} HTTP/1.1\r\nHost: a\r\n\r\n`);
        assert.equal(answer.body.toString(), seen);
        assert.equal(matched, seen.replace(/\?.*/, ''));
      },
    ),
  );
}

for (const sent of [
  '/..',
  '/../admin',
  '/a/../../admin',
  '/%2e%2e/admin',
  '/a/..%2fadmin',
  '/a/..%2Fadmin',
  '/a/%2e%2e%2fadmin',
  '/a/..%5cadmin',
  '/a/..;/admin',
  '/a/..;x=1/admin',
  '/a%2f../admin',
  '/a%00b',
  '/a%0',
  '/a%',
  '/a%zz',
  '/a%u0041',
  'http:///admin',
  'http://user@a/',
  'http://a:99999/',
  'ftp://a/',
  'a:443',
]) {
  test(
    `a path that servers read in different ways is refused with 400: ${sent}`,
    sent.startsWith('http:') ? onlyHttp1('an authority has a place of its own') : {},
    inLab({ upstreams: [seesTarget] }, async (lab) => {
      const answer = await lab.ask(`GET ${sent} HTTP/1.1\r\nHost: a\r\n\r\n`);
      assert.equal(`${answer.status} ${valueOf(answer, 'X-Gatewright-Error')}`, '400 bad_target');
      assert.equal(lab.node.connections.length, 0);
    }),
  );
}

test(
  'doubled slashes are kept where that is configured',
  inLab({ upstreams: [seesTarget], settings: { merge_slashes: false } }, async (lab) => {
    const answer = await lab.ask('GET //a//b/../c HTTP/1.1\r\nHost: a\r\n\r\n');
    assert.equal(answer.body.toString(), '//a//c');
  }),
);

for (const [target, host, matched] of [
  ['http://B.Example:8080/x', 'B.Example:8080', 'b.example'],
  ['HTTP://b.example/x', 'b.example', 'b.example'],
  ['http://[::1]:80/x', '[::1]:80', '[::1]'],
] as const) {
  let found = '';
  test(
    `the authority of an absolute-form target replaces Host, for routes and upstreams alike: ${target}`,
    inLab(
      {
        upstreams: [answering((request) => ok(`${valueOf(request, 'Host')} ${valueOf(request, 'X-Forwarded-Host')}`))],
        find: (request, route) => {
          found = request.host;
          return route;
        },
      },
      async (lab) => {
        const answer = await lab.ask(`GET ${target} HTTP/1.1\r\nHost: innocent\r\n\r\n`);
        assert.equal(answer.body.toString(), `${host} ${matched}`);
        assert.equal(found, matched);
      },
    ),
  );
}

test(
  'a target of https is for whom TLS was spoken with: a trusted peer may have done that',
  onlyHttp1('a scheme has a place of its own'),
  inLab({ upstreams: [seesTarget], settings: { trusted_addresses: ['127.0.0.0/8'] } }, async (lab) => {
    assert.equal((await lab.ask('GET https://a/x HTTP/1.1\r\nHost: a\r\n\r\n')).body.toString(), '/x');
  }),
);

test(
  'OPTIONS * is about the server as a whole, and goes on as it is',
  inLab({ upstreams: [seesTarget] }, async (lab) => {
    assert.equal((await lab.ask('OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n')).body.toString(), '*');
  }),
);
