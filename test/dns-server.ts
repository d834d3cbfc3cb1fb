/** A name server of a test's own, on UDP of this machine: it answers what the test says, as RFC 1035 has it. */
import dgram from 'node:dgram';
import { once } from 'node:events';
import { isIPv6 } from 'node:net';

export interface SrvRecord {
  readonly target: string;
  readonly port: number;
  readonly priority: number;
  readonly weight: number;
}

const A = 1;
const AAAA = 28;
const SRV = 33;
const NO_ERROR = 0;
const SERVER_FAILURE = 2;
const NO_SUCH_NAME = 3;

export class DnsServer implements AsyncDisposable {
  private readonly socket = dgram.createSocket('udp4');
  private readonly addresses = new Map<string, readonly string[]>();
  private readonly services = new Map<string, readonly SrvRecord[]>();
  /** Seconds. */
  ttl = 1;
  /** `fails`: SERVFAIL to everybody; `silent`: nothing at all. */
  mood: 'answers' | 'fails' | 'silent' = 'answers';
  /** Names that are answered with what is no DNS message. */
  readonly garbled = new Set<string>();
  /** Names that are not answered until they are let go. */
  private readonly held = new Map<string, (() => void)[]>();
  /** Names that were asked for, with the type. */
  readonly questions: string[] = [];
  port = 0;

  static async start(): Promise<DnsServer> {
    const server = new DnsServer();
    server.socket.on('message', (message, { address, port }) => {
      const reply = server.reply(message);
      const send = (): void => {
        if (reply !== null) server.socket.send(reply, port, address);
      };
      const held = server.held.get(questionOf(message).name);
      if (held === undefined) send();
      else held.push(send);
    });
    server.socket.bind(0, '127.0.0.1');
    await once(server.socket, 'listening');
    server.port = server.socket.address().port;
    return server;
  }

  /** For `gateway.dns.servers`. */
  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** IPv4 and IPv6 addresses; none: the name is there, and has no address. */
  host(name: string, ...addresses: readonly string[]): void {
    this.addresses.set(name, addresses);
  }

  service(name: string, ...records: readonly SrvRecord[]): void {
    this.services.set(name, records);
  }

  forget(name: string): void {
    this.addresses.delete(name);
    this.services.delete(name);
  }

  /** @returns lets them go */
  hold(name: string): () => void {
    const held: (() => void)[] = [];
    this.held.set(name, held);
    return () => {
      this.held.delete(name);
      for (const send of held) send();
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.socket, 'close');
    this.socket.close();
    await closed;
  }

  private reply(message: Buffer): Buffer | null {
    const { name, type, end } = questionOf(message);
    this.questions.push(`${name} ${type === A ? 'A' : type === AAAA ? 'AAAA' : type === SRV ? 'SRV' : type}`);
    if (this.mood === 'silent') return null;
    if (this.garbled.has(name)) return Buffer.concat([message.subarray(0, 2), Buffer.alloc(20, 0xff)]);
    const records = this.mood === 'fails' ? [] : this.records(name, type);
    const isKnown = this.addresses.has(name) || this.services.has(name);
    const code = this.mood === 'fails' ? SERVER_FAILURE : isKnown ? NO_ERROR : NO_SUCH_NAME;
    const head = Buffer.alloc(12);
    message.copy(head, 0, 0, 2);
    head.writeUInt16BE(0x8580 | code, 2);
    head.writeUInt16BE(1, 4);
    head.writeUInt16BE(records.length, 6);
    return Buffer.concat([head, message.subarray(12, end), ...records]);
  }

  private records(name: string, type: number): Buffer[] {
    const addresses = this.addresses.get(name) ?? [];
    if (type === A) return addresses.filter((one) => !isIPv6(one)).map((one) => this.record(A, v4(one)));
    if (type === AAAA) return addresses.filter(isIPv6).map((one) => this.record(AAAA, v6(one)));
    if (type === SRV) return (this.services.get(name) ?? []).map((one) => this.record(SRV, srv(one)));
    return [];
  }

  private record(type: number, data: Buffer): Buffer {
    const head = Buffer.alloc(12);
    // The name is that of the question.
    head.writeUInt16BE(0xc00c, 0);
    head.writeUInt16BE(type, 2);
    head.writeUInt16BE(1, 4);
    head.writeUInt32BE(this.ttl, 6);
    head.writeUInt16BE(data.length, 10);
    return Buffer.concat([head, data]);
  }
}

function questionOf(message: Buffer): { readonly name: string; readonly type: number; readonly end: number } {
  const labels: string[] = [];
  let at = 12;
  for (let length = message[at] ?? 0; length > 0; length = message[at] ?? 0) {
    labels.push(message.toString('latin1', at + 1, at + 1 + length));
    at += length + 1;
  }
  return { name: labels.join('.').toLowerCase(), type: message.readUInt16BE(at + 1), end: at + 5 };
}

const v4 = (address: string): Buffer => Buffer.from(address.split('.').map(Number));

/** Written in full, or with one `::`. */
function v6(address: string): Buffer {
  const [head = '', tail = ''] = address.split('::');
  const groups = (text: string): number[] => (text === '' ? [] : text.split(':').map((one) => parseInt(one, 16)));
  const [first, last] = [groups(head), groups(tail)];
  const all = [...first, ...new Array<number>(8 - first.length - last.length).fill(0), ...last];
  return Buffer.from(all.flatMap((group) => [group >> 8, group & 0xff]));
}

function srv({ target, port, priority, weight }: SrvRecord): Buffer {
  const numbers = Buffer.alloc(6);
  numbers.writeUInt16BE(priority, 0);
  numbers.writeUInt16BE(weight, 2);
  numbers.writeUInt16BE(port, 4);
  const labels = target.split('.').map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]));
  return Buffer.concat([numbers, ...labels, Buffer.from([0])]);
}
