import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Chromium } from '../../../test/chromium.ts';
import { decoded, openWorld } from '../../../test/openid/world.ts';
import { requireProgram } from '../../../test/require-program.ts';

it('somebody logs in with Chromium, stays logged in, and logs out', async (t) => {
  const program = requireProgram(t, 'chromium');
  if (program === undefined) return;
  const { lab, address, provider } = await openWorld(t, { revoke_tokens_on_logout: true });
  const page = await Chromium.start(t, program);
  await page.visit(address('/orders?page=2'));
  await page.until('document.querySelector("input[name=login]")');
  assert.ok(String(await page.ask('location.href')).startsWith(`${provider.issuer}/interaction/`));
  await page.ask(`document.querySelector("input[name=login]").value = "jack";
    document.querySelector("input[name=password]").value = "anything";
    document.querySelector("button[type=submit]").click()`);
  await page.until('document.querySelector("input[name=prompt][value=consent]")');
  await page.ask('document.querySelector("button[type=submit]").click()');
  await page.until(`location.href === ${JSON.stringify(address('/orders?page=2'))}`);
  const seen = lab.seen.find(({ url }) => url === '/orders?page=2');
  assert.equal(decoded(seen?.headers.find(([name]) => name === 'X-Userinfo')?.[1])['sub'], 'jack');
  assert.equal(await page.ask('document.cookie'), '', 'scripts see no session');

  const asked = provider.asked.length;
  await page.visit(address('/again'));
  await page.until(`location.href === ${JSON.stringify(address('/again'))}`);
  assert.equal(provider.asked.length, asked);

  await page.visit(address('/logout'));
  await page.until('document.querySelector("button[name=logout]")');
  await page.ask('document.querySelector("button[name=logout]").click()');
  await page.until(`location.pathname === "/session/end/success"`);
  await page.visit(address('/orders'));
  await page.until('document.querySelector("input[name=login]")');
});
