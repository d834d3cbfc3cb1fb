/** One probe on real sockets: connects, asks, and reads no more of the answer than its status. */
import { connectFault } from '../http1/client-settings.ts';
import net from 'node:net';
import tls from 'node:tls';
import type { ActiveChecks, CompiledNode } from '../compile/snapshot.ts';
import { placeOf } from '../http1/sockets.ts';

/** What a probe came to. A timeout is the caller's to tell: it aborts the probe. */
export type ProbeOutcome =
  | { readonly kind: 'connected' }
  | { readonly kind: 'status'; readonly status: number }
  /** Not connected, cut off, or no TLS to be had. */
  | { readonly kind: 'failed'; readonly reason: string }
  /** There was nothing to connect with: of that the node knows nothing. */
  | { readonly kind: 'exhausted'; readonly reason: string }
  /** Connected, and what came is no HTTP response. */
  | { readonly kind: 'malformed'; readonly reason: string };

export interface RunningProbe {
  /** Ends it; no outcome follows. */
  abort(): void;
}

/** Starts a probe; `onOutcome` is called once, later, unless it is aborted before. */
export type Probe = (
  checks: ActiveChecks,
  node: CompiledNode,
  onOutcome: (outcome: ProbeOutcome) => void,
  /** What is shown to a node that asks for a certificate. */
  shown?: ShownCertificate,
) => RunningProbe;

export interface ShownCertificate {
  readonly cert?: string;
  readonly key?: string;
  /** Authorities of this upstream alone, in place of those of all. */
  readonly ca?: string;
}

export interface ProbeTrust {
  /** Undefined: those that Node.js brings along. */
  readonly ca?: string | string[];
  readonly minVersion?: tls.SecureVersion;
}

/** Of an answer, until its status is known. */
const MOST_HEAD_BYTES = 16_384;
/**
 * Of an answer whose status is known, so that its sender is not cut off in the middle: then, or after this time, it is. A
 * stream of events has no end, and every probe has a connection of its own.
 */
const MOST_REST_BYTES = 65_536;
const MOST_REST_MS = 500;

const STATUS_LINE = /^HTTP\/1\.[01] ([1-9]\d\d)(?: [^\r\n]*)?\r?\n/;
const HEAD_END = /\r?\n\r?\n/;

/** Opens a socket for a probe; it emits 'connect' later, or 'secureConnect' where the probe is `https`. */
export type ConnectProbe = (checks: ActiveChecks, node: CompiledNode, shown?: ShownCertificate) => net.Socket;

/** @param trust by which nodes are known that are probed over TLS */
export const probeBy = (trust: ProbeTrust): Probe =>
  probeOver((checks, node, shown) => connect(checks, node, { ...trust, ...shown }));

export const openProbe: Probe = probeBy({});

/** The same over sockets of somebody else. */
export function probeOver(open: ConnectProbe): Probe {
  return (checks, node, onOutcome, shown) => runProbe(open(checks, node, shown), { checks, node, onOutcome });
}

interface ProbeTask {
  readonly checks: ActiveChecks;
  readonly node: CompiledNode;
  readonly onOutcome: (outcome: ProbeOutcome) => void;
}

function runProbe(socket: net.Socket, { checks, node, onOutcome }: ProbeTask): RunningProbe {
  let isOver = false;
  const settle = (outcome: ProbeOutcome): void => {
    if (isOver) return;
    isOver = true;
    onOutcome(outcome);
  };
  socket.once(checks.type === 'https' ? 'secureConnect' : 'connect', () => {
    if (checks.type === 'tcp') {
      settle({ kind: 'connected' });
      socket.destroy();
    } else socket.write(probeText(checks, node), 'latin1');
  });
  const reader = new StatusReader();
  let rest = 0;
  socket.on('data', (bytes: Buffer) => {
    if (isOver) {
      if ((rest += bytes.length) > MOST_REST_BYTES) socket.destroy();
      return;
    }
    const outcome = reader.take(bytes.toString('latin1'));
    if (outcome === null) return;
    settle(outcome);
    const timer = setTimeout(() => socket.destroy(), MOST_REST_MS);
    socket.once('close', () => clearTimeout(timer));
  });
  socket.on('error', (error: NodeJS.ErrnoException) => {
    const kind = connectFault(error) === 'exhausted' ? 'exhausted' : 'failed';
    settle({ kind, reason: error.code ?? error.message });
  });
  socket.on('close', () => settle({ kind: 'failed', reason: 'closed without an answer' }));
  return {
    abort() {
      isOver = true;
      socket.destroy();
    },
  };
}

function connect(checks: ActiveChecks, node: CompiledNode, secure: tls.SecureContextOptions): net.Socket {
  const address = placeOf(node.address, checks.port === 0 ? node.port : checks.port);
  if (checks.type !== 'https') return net.connect({ ...address, noDelay: true });
  const name = checks.host === '' ? nameOf(node) : hostWithoutPort(checks.host);
  return tls.connect({
    ...address,
    ALPNProtocols: ['http/1.1'],
    ...secure,
    rejectUnauthorized: checks.verifies,
    ...(net.isIP(name) === 0 ? { servername: name } : {}),
  });
}

/** A UNIX domain socket has none of its own. */
const nameOf = ({ host, authority }: CompiledNode): string => (host.startsWith('unix:/') ? authority : host);

function hostWithoutPort(host: string): string {
  return host.startsWith('[') ? host.slice(1, host.indexOf(']')) : (host.split(':')[0] ?? host);
}

/** The request of a probe, for encoding latin1; its body is UTF-8. */
export function probeText(checks: ActiveChecks, node: CompiledNode): string {
  const { method, path, host, fields } = checks;
  const given = new Set(fields.map((line) => line.slice(0, line.indexOf(':')).toLowerCase()));
  const lines = [`${method} ${escaped(path)} HTTP/1.1`];
  const ownHost = nameOf(node).includes(':') ? `[${node.host}]` : nameOf(node);
  if (!given.has('host')) lines.push(`Host: ${host === '' ? ownHost : host}`);
  if (!given.has('user-agent')) lines.push('User-Agent: Gatewright-health-check');
  lines.push(...fields, 'Connection: close');
  const body = Buffer.from(checks.body, 'utf8').toString('latin1');
  if (body !== '') lines.push(`Content-Length: ${body.length}`);
  return `${lines.join('\r\n')}\r\n\r\n${body}`;
}

/** What is escaped already stays; anything beyond ASCII is escaped as RFC 3986 has it. */
function escaped(path: string): string {
  return path.replace(/[^\x21-\x7e]+/gu, (text) => encodeURIComponent(text.toWellFormed()));
}

/** Finds the status of the final response; interim responses before it are passed over. */
export class StatusReader {
  private text = '';

  /** @returns null while more is needed */
  take(more: string): ProbeOutcome | null {
    this.text += more;
    for (;;) {
      const { text } = this;
      const match = STATUS_LINE.exec(text);
      if (match === null) {
        if (text.includes('\n') || !couldBeStatusLine(text)) return { kind: 'malformed', reason: 'no HTTP response' };
        return this.tooLong();
      }
      const status = Number(match[1]);
      if (status >= 200) return { kind: 'status', status };
      const end = HEAD_END.exec(text);
      if (end === null) return this.tooLong();
      this.text = text.slice(end.index + end[0].length);
      if (this.text === '') return null;
    }
  }

  private tooLong(): ProbeOutcome | null {
    return this.text.length > MOST_HEAD_BYTES ? { kind: 'malformed', reason: 'no status for 16 KiB' } : null;
  }
}

function couldBeStatusLine(text: string): boolean {
  return 'HTTP/1.'.startsWith(text.slice(0, 7));
}
