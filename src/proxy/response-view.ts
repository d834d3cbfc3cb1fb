import type { Head } from '../http1/head.ts';
import type { ExchangeResponse } from '../sdk/exchange.ts';
import type { Exchange } from './exchange.ts';
import { FieldsView } from './fields-view.ts';

/** The response as plugins see and change it: an upstream's, or that of a Reply. */
export class ResponseView implements ExchangeResponse {
  readonly fields: FieldsView;
  readonly isFromUpstream: boolean;
  /** What `replaceBody` put in place, null for none. */
  replacement: Buffer | null = null;
  /** Whether the step that runs now asked for the body; read and cleared by the pipeline. */
  wantsBody = false;
  private readonly exchange: Exchange;

  /** @param head null for a Reply, whose fields are added afterwards */
  constructor(exchange: Exchange, head: Head | null) {
    this.exchange = exchange;
    this.fields = new FieldsView(head, exchange.plane.names);
    this.isFromUpstream = head !== null;
  }

  get status(): number {
    return this.exchange.status;
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

  setStatus(status: number): void {
    this.exchange.mustHaveUnsentHead();
    if (!Number.isInteger(status) || status < 200 || status > 599)
      throw new TypeError(`${status} is no status of a final response`);
    this.exchange.status = status;
  }

  setHeader(name: string, value: string): void {
    this.exchange.mustHaveUnsentHead();
    this.fields.set(name, value, this.exchange.ownRequestId);
  }

  addHeader(name: string, value: string): void {
    this.exchange.mustHaveUnsentHead();
    this.fields.add(name, value);
  }

  removeHeader(name: string): void {
    this.exchange.mustHaveUnsentHead();
    this.fields.remove(name);
  }

  replaceBody(body: string | Uint8Array): void {
    this.exchange.mustHaveUnsentHead();
    this.replacement = Buffer.from(body as Uint8Array);
  }

  transformBody(): void {
    this.exchange.mustHaveUnsentHead();
    this.wantsBody = true;
  }

  transformWholeBody(max_bytes: number): void {
    this.transformBody();
    const asked = this.exchange.ask();
    const before = asked.wholeResponse_bytes;
    asked.wholeResponse_bytes = before === 0 ? max_bytes : Math.min(before, max_bytes);
  }

  breakOff(code: string): void {
    if (!/^[a-z][a-z0-9_]{0,63}$/.test(code))
      throw new TypeError(`${JSON.stringify(code)} is no code: use lower case and underscores`);
    this.exchange.ask().breakCode = code;
  }
}
