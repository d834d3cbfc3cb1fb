import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { seededRandom } from '../../test/fuzz/random.ts';
import { crc32c } from './crc32c.ts';
import { encodeProxyHeader } from './encode.ts';
import { MOST_HEADER_BYTES, type ProxyHeader, readProxyHeader } from './header.ts';

const latin1 = (text: string): Buffer => Buffer.from(text, 'latin1');
const SIGNATURE = '0d0a0d0a000d0a515549540a';
const hex = (text: string): Buffer => Buffer.from((SIGNATURE + text).replaceAll(' ', ''), 'hex');

const at = (address: string, port: number) => ({ address, port });

describe('a header of version 1', () => {
  const sound: readonly [string, ProxyHeader['source'], ProxyHeader['destination']][] = [
    ['PROXY TCP4 192.0.2.1 198.51.100.2 56324 443\r\n', at('192.0.2.1', 56324), at('198.51.100.2', 443)],
    ['PROXY TCP4 0.0.0.0 255.255.255.255 0 65535\r\n', at('0.0.0.0', 0), at('255.255.255.255', 65535)],
    ['PROXY TCP6 2001:DB8:0:0:0::1 ::1 1 2\r\n', at('2001:db8::1', 1), at('::1', 2)],
    ['PROXY TCP6 ::ffff:192.0.2.1 ::1 1 2\r\n', at('::ffff:192.0.2.1', 1), at('::1', 2)],
    ['PROXY UNKNOWN\r\n', null, null],
    ['PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\n', null, null],
  ];
  for (const [text, source, destination] of sound) {
    test(`${JSON.stringify(text)} is read, however it is cut, and what follows is left alone`, () => {
      const header = { length: text.length, source, destination };
      assert.deepEqual(readProxyHeader(latin1(`${text}GET / HTTP/1.1\r\n`)), header);
      for (let end = 0; end < text.length; end++) {
        assert.equal(readProxyHeader(latin1(text.slice(0, end))), 'incomplete', `cut at ${end}`);
      }
    });
  }

  const bad = [
    'GET / HTTP/1.1\r\n',
    'proxy TCP4 1.2.3.4 1.2.3.4 1 2\r\n',
    'PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n',
    'PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\r\n',
    'PROXY TCP4  1.2.3.4 1.2.3.4 1 2\r\n',
    'PROXY TCP4 1.2.3.4 1.2.3.4 1 2 \r\n',
    'PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n',
    'PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n',
    'PROXY TCP4 1.2.3.4 1.2.3.4 -1 2\r\n',
    'PROXY TCP4 1.2.3 1.2.3.4 1 2\r\n',
    'PROXY TCP4 1.2.3.04 1.2.3.4 1 2\r\n',
    'PROXY TCP4 256.2.3.4 1.2.3.4 1 2\r\n',
    'PROXY TCP4 ::1 ::1 1 2\r\n',
    'PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n',
    'PROXY TCP6 fe80::1%eth0 ::1 1 2\r\n',
    'PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n',
    'PROXY UDP4 1.2.3.4 1.2.3.4 1 2\r\n',
    'PROXY UNKNOWNX\r\n',
    'PROXY UNKNOWN \0\r\n',
    'PROXY UNKNOWN \u00e9\r\n',
    'PROXY \r\n',
    `PROXY UNKNOWN ${'x'.repeat(92)}\r\n`,
    'x',
  ];
  for (const text of bad) {
    test(`${JSON.stringify(text)} is refused`, () => {
      const found = readProxyHeader(latin1(text));
      assert.ok(typeof found === 'string' && found !== 'incomplete', JSON.stringify(found));
    });
  }

  test('without an end is given up after 107 bytes', () => {
    const line = `PROXY UNKNOWN ${'x'.repeat(200)}`;
    assert.equal(readProxyHeader(latin1(line.slice(0, 106))), 'incomplete');
    assert.equal(readProxyHeader(latin1(line.slice(0, 107))), 'the PROXY line is too long');
  });
});

describe('a header of version 2', () => {
  const four = '21 11 000c c0000201 c6336402 dc04 01bb';
  const six = '21 21 0024 20010db8000000000000000000000001 00000000000000000000000000000001 0001 0002';
  const sound: readonly [string, Buffer, ProxyHeader['source'], ProxyHeader['destination']][] = [
    ['about IPv4', hex(four), at('192.0.2.1', 56324), at('198.51.100.2', 443)],
    ['about IPv6', hex(six), at('2001:db8::1', 1), at('::1', 2)],
    ['about a UNIX domain socket', hex(`21 31 00d8 ${'61'.repeat(216)}`), at('', 0), at('', 0)],
    ['that does not know', hex('21 00 0000'), null, null],
    ['of one who speaks for itself', hex('20 00 0000'), null, null],
    ['of one who speaks for itself, with an address', hex(four.replace('21', '20')), null, null],
    [
      'with extensions',
      hex('21 11 0016 c0000201 c6336402 dc04 01bb 020003 616263 040001 00'),
      at('192.0.2.1', 56324),
      at('198.51.100.2', 443),
    ],
    ['with extensions of what is not known', hex('21 00 0003 ee0000'), null, null],
  ];
  for (const [name, bytes, source, destination] of sound) {
    test(`${name} is read, however it is cut, and what follows is left alone`, () => {
      const header = { length: bytes.length, source, destination };
      assert.deepEqual(readProxyHeader(Buffer.concat([bytes, latin1('GET /')])), header);
      for (let end = 0; end < bytes.length; end++) {
        assert.equal(readProxyHeader(bytes.subarray(0, end)), 'incomplete', `cut at ${end}`);
      }
    });
  }

  test('is held to its checksum where it has one', () => {
    const bytes = hex('21 11 0013 c0000201 c6336402 dc04 01bb 030004 00000000');
    bytes.writeUInt32BE(crc32c(bytes, bytes.length), bytes.length - 4);
    assert.deepEqual(readProxyHeader(bytes), {
      length: bytes.length,
      source: at('192.0.2.1', 56324),
      destination: at('198.51.100.2', 443),
    });
    for (let i = 16; i < bytes.length; i++) {
      // Of another type, it is no checksum any more.
      if (i === 28) continue;
      const changed = Buffer.from(bytes);
      changed[i] = (changed[i] ?? 0) ^ 1;
      assert.equal(typeof readProxyHeader(changed), 'string', `byte ${i}`);
    }
  });

  const bad: readonly [string, string, RegExp][] = [
    ['another version', '11 11 000c', /version/],
    ['another command', '22 11 000c', /command/],
    ['datagrams', four.replace('11', '12'), /another protocol/],
    ['a family that there is not', four.replace('11', '41'), /another protocol/],
    ['a family without a transport', four.replace('11', '10'), /another protocol/],
    ['a length below its addresses', '21 11 000b c0000201 c6336402 dc04 01', /too short/],
    ['a length beyond the bound', '21 11 ffff', /too long/],
    ['half an extension', '21 00 0002 0200', /extension/],
    ['an extension beyond its end', '21 00 0004 020002 61', /extension/],
    ['a checksum of three bytes', '21 00 0006 030003 000000', /extension/],
    ['a wrong checksum', '21 00 0007 030004 00000000', /checksum/],
  ];
  for (const [name, text, reason] of bad) {
    test(`with ${name} is refused`, () => assert.match(readProxyHeader(hex(text)) as string, reason));
  }

  test('is known by its twelve bytes, and never taken for the empty line before a request', () => {
    for (const text of ['\r\nGET / HTTP/1.1', '\r\n\r\nGET', '\r\n\r\n\0\r\nQUIT\r']) {
      assert.equal(readProxyHeader(latin1(text)), 'there is no PROXY header');
    }
  });
});

test('the checksum is that of RFC 3720', () => {
  assert.equal(crc32c(latin1('123456789'), 9), 0xe3069283);
  assert.equal(crc32c(new Uint8Array(32), 32), 0x8a9136aa);
  assert.equal(crc32c(new Uint8Array(32).fill(255), 32), 0x62a8ab43);
});

test('what is written is read as it was meant, in both versions', () => {
  const seed = Date.now() % 1_000_000;
  const random = seededRandom(seed);
  const number = (below: number): number => Math.floor(random() * below);
  const address = (): string => {
    const kind = number(4);
    if (kind === 0) return '';
    if (kind < 3) return Array.from({ length: 4 }, () => number(256)).join('.');
    return Array.from({ length: 8 }, () => (number(3) === 0 ? number(65536) : 0).toString(16)).join(':');
  };
  const canonical = (text: string): string =>
    text.includes(':') ? new URL(`http://[${text}]`).hostname.slice(1, -1) : text;
  for (let i = 0; i < 2_000; i++) {
    const [source, destination] = [at(address(), number(65536)), at(address(), number(65536))];
    for (const version of [1, 2] as const) {
      const header = readProxyHeader(encodeProxyHeader(version, source, destination));
      assert.ok(typeof header === 'object', `seed ${seed}: ${JSON.stringify([version, source, destination, header])}`);
      const isKnown = source.address !== '' && destination.address !== '';
      const read = [header.source, header.destination].map((one) => {
        if (one === null) return null;
        const four = one.address.replace(/^::ffff:(?=.*\.)/, '');
        return { address: canonical(four), port: one.port };
      });
      const meant = [source, destination].map((one) =>
        isKnown ? { address: canonical(one.address).replace(/^::ffff:(?=.*\.)/, ''), port: one.port } : null,
      );
      assert.deepEqual(read, meant, `seed ${seed}`);
    }
  }
});

test('random bytes never make it throw, read beyond the end, or wait for more than its bounds', () => {
  const seed = Date.now() % 1_000_000;
  const random = seededRandom(seed);
  const samples = [
    encodeProxyHeader(1, at('192.0.2.1', 1), at('192.0.2.2', 2)),
    encodeProxyHeader(2, at('192.0.2.1', 1), at('192.0.2.2', 2)),
    encodeProxyHeader(2, at('2001:db8::1', 1), at('::', 2)),
    hex('21 11 0016 c0000201 c6336402 dc04 01bb 020003 616263 040001 00'),
  ];
  for (let i = 0; i < 30_000; i++) {
    const sample = Buffer.from(samples[i % samples.length] ?? Buffer.alloc(0));
    for (let n = 0; n < 1 + Math.floor(random() * 4); n++) {
      sample[Math.floor(random() * sample.length)] = Math.floor(random() * 256);
    }
    const found = readProxyHeader(sample);
    if (typeof found === 'object') {
      assert.ok(found.length <= sample.length, `seed ${seed}`);
      const cut = readProxyHeader(sample.subarray(0, found.length - 1));
      assert.equal(cut, 'incomplete', `seed ${seed}`);
    } else if (found === 'incomplete') {
      const filled = Buffer.concat([sample, Buffer.alloc(MOST_HEADER_BYTES, 0x20)]);
      assert.notEqual(readProxyHeader(filled), 'incomplete', `seed ${seed}: ${sample.toString('hex')}`);
    }
  }
});
