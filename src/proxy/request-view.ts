import { argumentOf } from '../router/variables.ts';
import type { ExchangeRequest } from '../sdk/exchange.ts';
import { parseAuthority } from './authority.ts';
import type { Exchange } from './exchange.ts';
import { FieldsView } from './fields-view.ts';
import { RequestBody } from './request-body.ts';

const METHOD = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,32}$/;
const PATH = /^\/[\x21\x24-\x3b\x3d\x40-\x5b\x5d\x5f\x61-\x7a\x7c\x7e]*$/;
const QUERY = /^[\x21\x24-\x7e]*$/;

/** The request as plugins see and change it. */
export class RequestView implements ExchangeRequest {
  readonly fields: FieldsView;
  private readonly exchange: Exchange;

  constructor(exchange: Exchange) {
    this.exchange = exchange;
    this.fields = new FieldsView(exchange.head, exchange.plane.names);
  }

  get method(): string {
    return this.exchange.method;
  }

  get target(): string {
    return this.exchange.target;
  }

  get path(): string {
    return this.exchange.path;
  }

  get query(): string {
    return this.exchange.query.slice(1);
  }

  get host(): string {
    return this.exchange.host;
  }

  get scheme(): 'http' | 'https' {
    return this.exchange.scheme;
  }

  get port(): number {
    return this.exchange.serverPort;
  }

  get httpVersion(): '1.0' | '1.1' | '2' {
    if (this.exchange.downstream.isMultiplexed) return '2';
    return this.exchange.minorVersion === 0 ? '1.0' : '1.1';
  }

  header(name: string): string | undefined {
    return this.fields.first(name);
  }

  headerAll(name: string): string[] {
    return this.fields.all(name);
  }

  headerEntries(): [string, string][] {
    return this.fields.entries();
  }

  argument(name: string): string | undefined {
    return argumentOf(this.exchange.query, name, 1);
  }

  setHeader(name: string, value: string): void {
    this.exchange.mustBeUnsent();
    if (isHost(name)) this.setHost(value);
    else this.fields.set(name, value, this.exchange.ownRequestId);
  }

  addHeader(name: string, value: string): void {
    this.exchange.mustBeUnsent();
    if (isHost(name)) throw new TypeError('a request has one Host: set it');
    this.fields.add(name, value);
  }

  removeHeader(name: string): void {
    this.exchange.mustBeUnsent();
    if (isHost(name)) throw new TypeError('a request needs a Host: set another one');
    this.fields.remove(name);
  }

  setMethod(method: string): void {
    this.exchange.mustBeUnsent();
    if (!METHOD.test(method)) throw new TypeError(`${JSON.stringify(method)} is no method`);
    this.exchange.newMethod = method;
  }

  setPath(path: string): void {
    this.exchange.mustBeUnsent();
    if (!PATH.test(path))
      throw new TypeError(
        `${JSON.stringify(path)} is no path: it begins with a slash, other characters are percent-encoded`,
      );
    this.exchange.newPath = path;
  }

  setQuery(query: string): void {
    this.exchange.mustBeUnsent();
    if (!QUERY.test(query))
      throw new TypeError(`${JSON.stringify(query)} is no query: other characters are percent-encoded`);
    this.exchange.newQuery = query === '' ? '' : `?${query}`;
  }

  setHost(host: string): void {
    this.exchange.mustBeUnsent();
    if (parseAuthority(host) === null) throw new TypeError(`${JSON.stringify(host)} is no host`);
    this.exchange.newHost = host;
  }

  readBody(max_bytes: number): Promise<Uint8Array | null> {
    this.exchange.mustBeUnsent();
    return this.body.read(max_bytes);
  }

  setBody(body: string | Uint8Array): void {
    this.exchange.mustBeUnsent();
    // With offsets instead of a copy, a plugin that goes on writing into it would change what is sent.
    this.body.replacement = Buffer.from(body as Uint8Array);
  }

  limitBody(max_bytes: number): void {
    this.exchange.mustBeUnsent();
    this.body.limit(max_bytes);
  }

  keepBody(max_bytes: number): void {
    this.exchange.mustBeUnsent();
    this.body.keep(max_bytes);
  }

  get keptBody(): Uint8Array {
    return this.body.keptBody;
  }

  private get body(): RequestBody {
    return (this.exchange.ask().body ??= new RequestBody(this.exchange));
  }
}

function isHost(name: string): boolean {
  return name.length === 4 && name.toLowerCase() === 'host';
}
