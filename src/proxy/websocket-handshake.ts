/** The opening handshake of WebSocket on both sides (RFC 6455 §4.2). Strict: what one side takes for a switch and the other does not is a way around every rule. */
import { hash } from 'node:crypto';
import { CONNECTION, CONTENT_LENGTH, PLAIN, TRANSFER_ENCODING, UPGRADE } from '../http1/fields.ts';
import type { Head } from '../http1/head.ts';
import type { Exchange } from './exchange.ts';

export type HandshakeFault = 'websocket_handshake' | 'websocket_version';

/** What a client asked for. */
export interface Handshake {
  /** Made for a client that sent none; '' where the client's own goes on. */
  readonly key: string;
  readonly accept: string;
  readonly protocols: readonly string[];
  /** Names of extensions. */
  readonly extensions: readonly string[];
}

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
/** 16 bytes in base64, in the one spelling that they have. */
const KEY = /^[A-Za-z0-9+/]{21}[AQgw]==$/;
const TOKEN = /^[\w!#$%&'*+.^`|~-]+$/;
/** A list of extensions, RFC 6455 §9.1; a quoted value has to be a token within. */
const PARAMETER = `[\\t ]*;[\\t ]*[\\w!#$%&'*+.^\`|~-]+(?:=(?:[\\w!#$%&'*+.^\`|~-]+|"[\\w!#$%&'*+.^\`|~-]+"))?`;
const EXTENSION = new RegExp(`^[\\w!#$%&'*+.^\`|~-]+(?:${PARAMETER})*$`);

/** @returns null if the request asks for nothing, or for nothing that is ever followed: its Upgrade stays behind */
export function readHandshake(exchange: Exchange): Handshake | HandshakeFault | null {
  const { head, minorVersion, downstream } = exchange;
  // RFC 9110 §7.8: HTTP/1.0 knows no upgrade; HTTP/2 has its own way to ask, which is written like this.
  if (!head.has(UPGRADE) || minorVersion !== 1) return null;
  if (head.joined(UPGRADE).toLowerCase() !== 'websocket') return null;
  if (exchange.method !== 'GET' || exchange.hasBody || !isAnnounced(head)) return 'websocket_handshake';
  const versions = fieldValues(head, 'sec-websocket-version');
  if (versions === null || versions.length !== 1) return 'websocket_handshake';
  if (versions[0] !== '13') return 'websocket_version';
  // RFC 8441 §5: there, nobody looks at a key.
  const key = downstream.isConnect === true ? keyOf(exchange.plane.random) : '';
  if (key !== '') head.remove('sec-websocket-key');
  const keys = key === '' ? fieldValues(head, 'sec-websocket-key') : [key];
  const protocols = listOf(head, 'sec-websocket-protocol', TOKEN);
  const extensions = listOf(head, 'sec-websocket-extensions', EXTENSION);
  if (keys?.length !== 1 || !KEY.test(keys[0] ?? '') || protocols === null || extensions === null)
    return 'websocket_handshake';
  if (new Set(protocols).size !== protocols.length) return 'websocket_handshake';
  return {
    key,
    accept: hash('sha1', keys[0] + GUID, 'base64'),
    protocols,
    extensions: extensions.map(nameOf),
  };
}

/** 16 random bytes in base64. */
function keyOf(random: () => number): string {
  return Buffer.from(Array.from({ length: 16 }, () => Math.floor(random() * 256))).toString('base64');
}

/** Whether the head of a 101 is the answer to it. */
export function isAnswer(handshake: Handshake, head: Head): boolean {
  // RFC 9110 §15.2: a 1xx has no content.
  if (head.has(CONTENT_LENGTH) || head.has(TRANSFER_ENCODING)) return false;
  if (head.joined(UPGRADE).toLowerCase() !== 'websocket' || !isAnnounced(head)) return false;
  const accepts = fieldValues(head, 'sec-websocket-accept');
  if (accepts?.length !== 1 || accepts[0] !== handshake.accept) return false;
  const protocols = fieldValues(head, 'sec-websocket-protocol');
  if (protocols === null || protocols.length > 1) return false;
  const extensions = listOf(head, 'sec-websocket-extensions', EXTENSION);
  if (extensions === null) return false;
  return (
    protocols.every((protocol) => handshake.protocols.includes(protocol)) &&
    extensions.every((extension) => handshake.extensions.includes(nameOf(extension)))
  );
}

function isAnnounced(head: Head): boolean {
  return itemsOf(head.joined(CONNECTION)).some((option) => option.toLowerCase() === 'upgrade');
}

/** @returns null if one of them is for this hop alone: it would not reach the other side */
function fieldValues(head: Head, name: string): string[] | null {
  const values: string[] = [];
  for (let k = head.indexOf(name, 0); k >= 0; k = head.indexOf(name, k + 1)) {
    if (head.kind(k) !== PLAIN) return null;
    values.push(head.value(k));
  }
  return values;
}

/** @returns null if the list is malformed */
function listOf(head: Head, name: string, item: RegExp): string[] | null {
  const values = fieldValues(head, name);
  if (values === null || values.length === 0) return values;
  const items = itemsOf(values.join(','));
  return items.every((each) => item.test(each)) ? items : null;
}

function itemsOf(list: string): string[] {
  return list.split(',').map((item) => item.replaceAll(/^[\t ]+|[\t ]+$/g, ''));
}

function nameOf(extension: string): string {
  return (/^[^\t ;]+/.exec(extension)?.[0] ?? '').toLowerCase();
}
