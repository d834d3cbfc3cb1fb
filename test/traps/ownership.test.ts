import assert from 'node:assert/strict';
import { test } from 'node:test';
import { valueOf } from './message.ts';
import { inLab } from './lab.ts';
import { ok, type Script } from './scripted-upstream.ts';

const CLIENTS = 1_000;

/** Holds every answer back until all requests are there, then answers in the reverse order. */
function late(): Script {
  const answers: (() => void)[] = [];
  return async (connection) => {
    const request = await connection.receive('request');
    const own = (name: string): string => `${name}: ${valueOf(request, name) ?? 'missing'}\r\n`;
    answers.push(() =>
      connection.write(
        ok(request.body.toString(), own('X-Own') + own('X-Second') + `X-Host: ${valueOf(request, 'Host')}\r\n`),
      ),
    );
    if (answers.length < CLIENTS) return;
    for (const answer of answers.splice(0).toReversed()) answer();
  };
}

test(
  'an exchange owns its head: of 1,000 at once, answered late and in the reverse order, none sees anything of another',
  inLab(
    {
      upstreams: [late()],
      find: (request, route) => {
        // What a plugin reads 50 ms later is read from the same head.
        heads.push(() => `${request.variable('http_x_own')} ${request.path} ${request.host}`);
        return route;
      },
    },
    async (lab) => {
      heads.length = 0;
      const clients = await Promise.all(Array.from({ length: CLIENTS }, () => lab.connect()));
      for (const [k, client] of clients.entries()) {
        const body = `body ${k} ${'b'.repeat(k % 100)}`;
        const own = `value-${k}-${'v'.repeat(k % 37)}`;
        const text = `PUT /path/${k} HTTP/1.1\r\nHost: host-${k}\r\nX-Own: ${own}\r\nX-Second: ${k}\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
        // Some heads come in pieces, which wait in memory of their connection.
        if (k % 3 === 0) {
          client.write(text.slice(0, 20 + (k % 30)));
          setImmediate(() => client.write(text.slice(20 + (k % 30))));
        } else client.write(text);
      }
      await Promise.all(
        clients.map(async (client, k) => {
          const answer = await client.receive('response');
          assert.equal(answer.body.toString(), `body ${k} ${'b'.repeat(k % 100)}`);
          assert.equal(valueOf(answer, 'X-Own'), `value-${k}-${'v'.repeat(k % 37)}`);
          assert.equal(valueOf(answer, 'X-Second'), String(k));
          assert.equal(valueOf(answer, 'X-Host'), `host-${k}`);
        }),
      );
      const seen = heads.map((read) => read()).toSorted();
      const expected = clients.map((_, k) => `value-${k}-${'v'.repeat(k % 37)} /path/${k} host-${k}`).toSorted();
      assert.deepEqual(seen, expected);
    },
  ),
);

const heads: (() => string)[] = [];
