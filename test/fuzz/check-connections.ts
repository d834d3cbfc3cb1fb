/** Whole connections: cuts change nothing, and what is forwarded is read by Node.js's strict parser as we meant it. */
import { METHODS } from 'node:http';
import {
  CONNECTION,
  CONTENT_LENGTH,
  HOP,
  KINDS,
  parsed,
  REMOVED,
  TE,
  TRAILER,
  TRANSFER_ENCODING,
  UPGRADE,
  HOST,
} from '../../src/http1/fields.ts';
import { Head } from '../../src/http1/head.ts';
import { requestText, responseText } from '../../src/http1/messages.ts';
import { parseRequestHead } from '../../src/http1/request-head.ts';
import { parseResponseHead } from '../../src/http1/response-head.ts';
import { parseTarget } from '../../src/proxy/target.ts';
import { runClient } from '../parsers/client-run.ts';
import { everyByte, randomCuts } from '../parsers/cuts.ts';
import { judgeResponse } from '../parsers/node-client.ts';
import type { NodeServer } from '../parsers/node-server.ts';
import { clientOutcome, serverOutcome } from '../parsers/outcome.ts';
import { ANSWER_TIMES, runServer, type SeenRequest } from '../parsers/server-run.ts';
import type { Input } from './input.ts';
import { seededRandom } from './random.ts';

const flags = (...kinds: readonly number[]): Uint8Array =>
  Uint8Array.from({ length: KINDS }, (_, kind) => (kinds.includes(kind) ? 1 : 0));
const DROPPED_FROM_REQUEST = flags(REMOVED, HOP, CONNECTION, UPGRADE, HOST, TE, TRAILER);
const DROPPED_FROM_RESPONSE = flags(REMOVED, HOP, CONNECTION, UPGRADE, TE, TRAILER);
const DROPPED_WITHOUT_BODY = flags(REMOVED, HOP, CONNECTION, UPGRADE, TE, TRAILER, CONTENT_LENGTH, TRANSFER_ENCODING);
const LIMITS = { line_bytes: 65_536, head_bytes: 131_072, fields: 1_000 };
/** Single bytes through a connection cost a thousand times their number; longer inputs are cut at random only. */
const MOST_SINGLE_BYTES = 2_048;

export function checkSplits(input: Input): string {
  const { kind, bytes, limits, method, seed } = input;
  const random = seededRandom(seed);
  const answerTime = ANSWER_TIMES[seed % ANSWER_TIMES.length] ?? 'prompt';
  const runs = (['coding', 'codingWithTrailers', 'data'] as const)[seed % 3] ?? 'data';
  const outcome = (cuts: readonly number[]): { text: string; problems: readonly string[] } => {
    if (kind === 'request') {
      const run = runServer(bytes, cuts, limits, answerTime);
      return { text: serverOutcome(run), problems: run.problems };
    }
    const run = runClient(bytes, cuts, { limits, method, runs });
    return { text: clientOutcome(run), problems: run.problems };
  };
  const whole = outcome([]);
  if (whole.problems.length > 0) return `connection: ${whole.problems.join('; ')}`;
  const cuttings = [randomCuts(bytes.length, random), randomCuts(bytes.length, random)];
  if (bytes.length <= MOST_SINGLE_BYTES) cuttings.push(everyByte(bytes.length));
  for (const cuts of cuttings) {
    const cut = outcome(cuts);
    if (cut.text !== whole.text)
      return `connection: cut at ${cuts.length > 20 ? 'every byte' : cuts.join()} it is ${cut.text}, as a whole ${whole.text}`;
  }
  return '';
}

/** The requests that an upstream would see on one connection are those that we decided to forward, and no other. */
export async function checkForwardedRequests({ bytes, limits }: Input, server: NodeServer): Promise<string> {
  const run = runServer(bytes, [], limits, 'prompt');
  const forwarded = run.requests.filter(({ isComplete }) => isComplete);
  if (forwarded.length === 0) return '';
  let text = '';
  const meant: unknown[] = [];
  for (const request of forwarded) {
    const outgoing = outgoingRequest(request);
    text += outgoing.text;
    meant.push([outgoing.method, outgoing.target, outgoing.host, request.body]);
  }
  const { requests, error } = await server.judge(Buffer.from(text, 'latin1'));
  const seen = requests.map(({ method, target, fields, body, isComplete }) => {
    const host = fields.filter(([name]) => name.toLowerCase() === 'host').map(([, value]) => value);
    return [method, target, host.join(' and '), isComplete ? body : 'INCOMPLETE'];
  });
  const isSame = error === '' && JSON.stringify(seen) === JSON.stringify(meant);
  return isSame
    ? ''
    : `forwarded requests: meant ${JSON.stringify(meant)}, Node.js sees ${JSON.stringify(seen)} ${error}`;
}

function outgoingRequest(request: SeenRequest): { method: string; target: string; host: string; text: string } {
  const bytes = Buffer.from(`${request.head}\r\n`, 'latin1');
  parseRequestHead(bytes, 0, bytes.length, LIMITS);
  const { host: hostIndex } = parsed;
  const head = new Head(request.head);
  const target = parseTarget(request.target, request.method, true);
  const path = target === null ? '' : target.path + target.query;
  const host = target?.authority ?? (hostIndex < 0 ? 'node' : head.value(hostIndex));
  // Node.js knows a list of methods; that it knows no other is not what is looked at here.
  const method = METHODS.includes(request.method) ? request.method : 'POST';
  const message = {
    keepsStart: false,
    method,
    target: path,
    host,
    fields: head,
    dropped: DROPPED_FROM_REQUEST,
    added: 'Via: 1.1 gw\r\n',
  };
  return { method, target: path, host, text: requestText(message) + request.coding };
}

/** The response that a client would see is the one that we took from the upstream. */
export async function checkForwardedResponse({ bytes, limits, method }: Input): Promise<string> {
  const run = runClient(bytes, [], { limits, method, runs: 'codingWithTrailers' });
  const { response } = run;
  if (response === null) return '';
  const { status, framing, coding } = response;
  const headBytes = Buffer.from(`${response.head}\r\n`, 'latin1');
  parseResponseHead(headBytes, 0, headBytes.length, LIMITS);
  const reason = response.head.slice(13, parsed.targetEnd);
  const dropped = status === 204 ? DROPPED_WITHOUT_BODY : DROPPED_FROM_RESPONSE;
  const head = responseText({ keepsStart: false, status, reason, fields: new Head(response.head), dropped, added: '' });
  const text = `${head}${framing === 'until_close' ? 'Connection: close\r\n' : ''}\r\n${coding}`;
  // An answer that broke off without a length of its own is ended by RST: there is nothing in its bytes that tells.
  if (!run.isComplete && framing === 'until_close') return '';
  const seen = await judgeResponse(Buffer.from(text, 'latin1'), method);
  const isSame =
    seen.isComplete === run.isComplete && (!run.isComplete || (seen.status === status && seen.body === response.body));
  return isSame
    ? ''
    : `forwarded response: meant ${JSON.stringify([status, response.body, run.isComplete])}, Node.js sees ${JSON.stringify(seen)} of ${JSON.stringify(text)}`;
}
