import assert from 'node:assert/strict';
import { it } from 'node:test';
import { OwnFields } from './own-fields.ts';

it('Server and Date are lines of a head, and follow the date', () => {
  const own = new OwnFields('Gatewright');
  assert.equal(own.server, 'Server: Gatewright\r\n');
  for (const date of ['Thu, 01 Jan 1970 00:00:00 GMT', 'Thu, 01 Jan 1970 00:00:01 GMT'])
    for (let k = 0; k < 2; k++) assert.equal(own.at(date), `Server: Gatewright\r\nDate: ${date}\r\n`);
});

it('without a name, Date stands alone', () => {
  const own = new OwnFields('');
  assert.deepEqual([own.server, own.at('now')], ['', 'Date: now\r\n']);
});
