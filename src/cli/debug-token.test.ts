import assert from 'node:assert/strict';
import { it } from 'node:test';
import { isDebugToken } from '../plugins/debug-headers/token.ts';
import { FailedError, UsageError } from './arguments.ts';
import { debugToken } from './debug-token.ts';

const SECRET = 'a-secret-of-thirty-two-characters';

function made(args: readonly string[], secret: string | undefined = SECRET): string {
  let text = '';
  const stdout = (more: string): void => void (text += more);
  const env = secret === undefined ? {} : { GATEWRIGHT_DEBUG_SECRET: secret };
  assert.equal(debugToken(args, { stdout, stderr: () => undefined, env, cwd: '/' }), 0);
  return text.trim();
}

it('a token opens what it is for, as long as it was asked for', () => {
  const token = made(['--for', '2h', '--host', 'A.example', '--path', '/users/*']);
  const now_s = Date.now() / 1000;
  const opens = (path: string, later_s: number) =>
    isDebugToken(
      token,
      { host: 'a.example', path, address: '::1' },
      { secret: SECRET, now_s: now_s + later_s, max_lifetime_s: 86_400 },
    );
  assert.equal(opens('/users/7', 0), true);
  assert.equal(opens('/users/7', 7_100), true);
  assert.equal(opens('/users/7', 7_201), false);
  assert.equal(opens('/orders', 0), false);
});

it('what cannot be made is refused with the reason', () => {
  assert.throws(() => made(['--for', '15']), UsageError);
  assert.throws(() => made(['--for', '0s']), UsageError);
  assert.throws(() => made(['--path', 'users']), UsageError);
  assert.throws(() => made(['--address', 'a']), UsageError);
  assert.throws(() => made([], ''), /--secret-file FILE, or set GATEWRIGHT_DEBUG_SECRET/);
  assert.throws(() => made([], 'short'), FailedError);
  assert.throws(() => made(['--secret-file', 'no-such-file']), /cannot read the secret/);
});
