import assert from 'node:assert/strict';
import { BlockList, isIP } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import { addressSetSteps, checkCidr, createAddressSet, networkOf } from './cidr.ts';

const cases: [blocks: string[], address: string, expected: boolean][] = [
  [['192.168.1.101'], '192.168.1.101', true],
  [['192.168.1.101'], '192.168.1.102', false],
  [['192.168.1.0/24'], '192.168.1.255', true],
  [['192.168.1.0/24'], '192.168.2.0', false],
  [['192.168.1.77/24'], '192.168.1.1', true],
  [['0.0.0.0/0'], '255.255.255.255', true],
  [['0.0.0.0/0'], '::1', false],
  [['::/0'], '10.0.0.1', false],
  [['::/0'], 'ffff::', true],
  [['::1'], '0:0:0:0:0:0:0:1', true],
  [['fe80::1/64'], 'fe80::abcd:1', true],
  [['fe80::1/64'], 'fe80::abcd:1%eth0', true],
  [['fe80::1/64'], 'fe80:0:0:1::', false],
  [['2001:db8::/33'], '2001:db8:7fff::', true],
  [['2001:db8::/33'], '2001:db8:8000::', false],
  [['10.0.0.0/8'], '::ffff:10.1.2.3', true],
  [['10.0.0.0/8'], '::ffff:a01:203', true],
  [['::ffff:10.0.0.0/104'], '10.255.0.1', true],
  [['::10.0.0.1'], '::a00:1', true],
  [['::10.0.0.1'], '10.0.0.1', false],
  [['127.0.0.1', '192.0.0.0/8', '::1'], '192.9.9.9', true],
  [['127.0.0.1', '192.0.0.0/8', '::1'], '::2', false],
  [['10.0.0.0/9', '10.128.0.0/9', '10.5.0.0/16'], '10.200.0.0', true],
  [[], '10.0.0.1', false],
  [['0.0.0.0/0', '::/0'], '', false],
  [['0.0.0.0/0', '::/0'], 'localhost', false],
  [['0.0.0.0/0', '::/0'], '1.2.3', false],
  [['0.0.0.0/0', '::/0'], '1.2.3.4.5', false],
  [['0.0.0.0/0', '::/0'], '1.2.3.256', false],
  [['0.0.0.0/0', '::/0'], '1.2.3.04', false],
  [['0.0.0.0/0', '::/0'], '1..2.3', false],
  [['0.0.0.0/0', '::/0'], ':1', false],
  [['0.0.0.0/0', '::/0'], '1:2:3:4:5:6:7:8:9', false],
  [['0.0.0.0/0', '::/0'], '1:2:3:4:5:6:7::8', false],
  [['0.0.0.0/0', '::/0'], '1:2:3:4:5:6::8', true],
  [['0.0.0.0/0', '::/0'], '1::2::3', false],
  [['0.0.0.0/0', '::/0'], '1:2:3:4:5:6:7:8::', false],
  [['0.0.0.0/0', '::/0'], ':::', false],
];

for (const [blocks, address, expected] of cases) {
  test(`[${blocks.join(', ')}] ${expected ? 'holds' : 'does not hold'} "${address}"`, () => {
    assert.equal(createAddressSet(blocks).has(address), expected);
  });
}

const faulty = [
  '',
  'example.com',
  '10.0.0.0/33',
  '10.0.0.0/',
  '10.0.0.0/08',
  '10.0.0.0/-1',
  '10.0.0.0/8/8',
  '10.0.0',
  '010.0.0.1',
  '::1/129',
  '1.2.3.4::',
  '::1.2.3.4:1.2.3.4',
  '::1.2.3.4:5',
  'fe80::1%eth0',
  '::ffff:10.0.0.0/64',
  '[::1]',
  ' 10.0.0.1',
];

for (const text of faulty) {
  test(`"${text}" is refused with its remedy`, () => {
    assert.match(checkCidr(text) ?? '', /write one such as|must be a number|at least 96/);
    assert.throws(() => createAddressSet([text]), TypeError);
  });
}

const word = fc.integer({ min: 0, max: 0xffff });
const address4 = fc.tuple(word, word).map(([a, b]) => [a >> 8, a & 255, b >> 8, b & 255].join('.'));
const address6 = fc.oneof(
  fc.ipV6(),
  fc.array(fc.constantFrom('0', '1', 'ffff', '00aB'), { minLength: 8, maxLength: 8 }).map((groups) => groups.join(':')),
);

test('every address that Node.js takes for one is an address, and no other text is', () => {
  fc.assert(
    fc.property(fc.oneof(address4, address6, fc.stringMatching(/^[0-9a-f:.]{0,20}$/)), (text) => {
      assert.equal(checkCidr(text) === null, isIP(text) !== 0, text);
    }),
    { numRuns: 5000 },
  );
});

test('a set of blocks holds what the same blocks in a BlockList hold', () => {
  const blocks = fc.array(fc.tuple(fc.boolean(), address4, address6, fc.nat(128)), { maxLength: 8 });
  fc.assert(
    fc.property(blocks, address4, address6, fc.nat(128), (list, probe4, probe6, near) => {
      // One list for each: `::/0` in a BlockList covers IPv4 too.
      const expected = { ipv4: new BlockList(), ipv6: new BlockList() };
      const cidrs = list.map(([isFour, four, six, prefix]) => {
        const length = isFour ? prefix % 33 : prefix;
        if (isFour) expected.ipv4.addSubnet(four, length, 'ipv4');
        else expected.ipv6.addSubnet(six, length, 'ipv6');
        return `${isFour ? four : six}/${length}`;
      });
      // Mapped blocks and addresses belong to IPv4 here; BlockList keeps them apart.
      fc.pre(![...cidrs, probe6].some((text) => /^(0*:){2,5}0*:?ffff:/i.test(text)));
      const set = createAddressSet(cidrs);
      const probes = [probe4, probe6, ...list.map(([isFour, four, six]) => (isFour ? four : six))];
      for (const probe of probes.slice(0, 1 + near)) {
        const family = probe.includes(':') ? 'ipv6' : 'ipv4';
        assert.equal(set.has(probe), expected[family].check(probe, family), `${cidrs.join()} ${probe}`);
      }
    }),
    { numRuns: 500 },
  );
});

test('tens of thousands of blocks in any order are a set like any other, made in short steps', () => {
  let seed = 20_261_121;
  const random = (below: number): number => (seed = (seed * 48_271) % 2_147_483_647) % below;
  const group = (): string => random(0x10000).toString(16);
  const blocks = Array.from({ length: 40_000 }, () =>
    random(2) === 0
      ? `${random(256)}.${random(256)}.${random(256)}.${random(256)}/${18 + random(15)}`
      : `2001:${random(16).toString(16)}:${group()}:${group()}::/${40 + random(30)}`,
  );
  const steps = addressSetSteps(blocks);
  const took_ms: number[] = [];
  let step: ReturnType<typeof steps.next>;
  do {
    const before = process.threadCpuUsage();
    step = steps.next();
    const { user, system } = process.threadCpuUsage(before);
    took_ms.push((user + system) / 1000);
  } while (step.done !== true);
  const middle_ms = took_ms.toSorted((a, b) => a - b)[took_ms.length >> 1] ?? Infinity;
  // Less than a millisecond each, and on a slow machine not ten of that.
  assert.ok(took_ms.length > 20 && middle_ms < 10, `${took_ms.length} steps, ${middle_ms} ms of CPU in the median`);
  const expected = { 4: new BlockList(), 6: new BlockList() };
  for (const block of blocks.slice(0, 2_000)) {
    const [address = '', prefix = ''] = block.split('/');
    expected[isIP(address) as 4 | 6].addSubnet(address, Number(prefix), isIP(address) === 4 ? 'ipv4' : 'ipv6');
  }
  const set = createAddressSet(blocks.slice(0, 2_000).toReversed());
  for (let i = 0; i < 4_000; i++) {
    const [address = ''] = (blocks[random(blocks.length)] ?? '').split('/');
    assert.equal(
      set.has(address),
      expected[isIP(address) as 4 | 6].check(address, isIP(address) === 4 ? 'ipv4' : 'ipv6'),
    );
    assert.ok(step.value.has(address), address);
  }
});

test('a set is made of exactly the texts that pass the check', () => {
  const text = fc.oneof(
    fc
      .tuple(
        fc.oneof(address4, address6, fc.constantFrom('::ffff:1.2.3.4', '::', '1.2.3', 'fe80::1%e')),
        fc.stringMatching(/^(\/[0-9]{0,4}|\/.{0,3}|)$/),
      )
      .map((parts) => parts.join('')),
    fc.stringMatching(/^[0-9a-f:./%]{0,20}$/),
  );
  const isTaken = (one: string): boolean => {
    try {
      createAddressSet([one]);
      return true;
    } catch (error) {
      assert.ok(error instanceof TypeError);
      return false;
    }
  };
  fc.assert(
    fc.property(text, (one) => assert.equal(isTaken(one), checkCidr(one) === null, one)),
    { numRuns: 5000 },
  );
});

test('the network of an address is that of all addresses with the same first bits, and of no other', () => {
  const SAME: [one: string, other: string, bits: number, isSame: boolean][] = [
    ['2001:db8::1', '2001:db8::ffff:0:1', 64, true],
    ['2001:db8::1', '2001:db8:0:1::1', 64, false],
    ['2001:db8:0:1::1', '2001:db8:0:2::', 48, true],
    ['2001:db8:0:fffe::', '2001:db8:0:ffff::', 63, true],
    ['2001:db8:0:fffe::', '2001:db8:0:ffff::', 64, false],
    ['2001:db8::1', '2001:db8::1', 128, true],
    ['2001:db8::1', '2001:db8::2', 128, false],
    ['8000::', '7fff::', 1, false],
    ['8000::', 'ffff::', 1, true],
    ['::ffff:192.0.2.1', '192.0.2.1', 64, true],
    ['192.0.2.1', '192.0.2.2', 64, false],
  ];
  for (const [one, other, bits, isSame] of SAME) {
    assert.equal(networkOf(one, bits) === networkOf(other, bits), isSame, `${one} and ${other} with ${bits} bits`);
  }
  assert.equal(networkOf('unix:', 64), 'unix:');
});
