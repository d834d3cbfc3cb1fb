/** Bodies that are kept until they are complete, and then filtered. */
import { exchangeKey, type Exchange, type Host } from '../../sdk/index.ts';
import { decoderFor } from './content-coding.ts';
import { dropContentFields } from './content-fields.ts';
import { compileFilters, type FilterConfig } from './filter.ts';

interface Kept {
  readonly decode: (body: Buffer) => Buffer;
  readonly pieces: Buffer[];
  bytes: number;
}

export interface FilteredBody {
  /** To be called in `responseHead`: decides whether the body can be filtered, and asks for it. */
  begin(exchange: Exchange): void;
  /** A piece of the body, as in `responseBody`. Throws for a body that is too long or malformed: it is then broken off. */
  take(exchange: Exchange, piece: Uint8Array, isLast: boolean): Uint8Array | undefined;
}

export function filteredBody(filters: readonly FilterConfig[], maxBytes: number, host: Host): FilteredBody {
  const filter = compileFilters(filters, host.clock);
  // Of this instance: another one may filter the same body.
  const keptKey = exchangeKey<Kept>('response-rewrite');
  const tooLong = `the body has more than the ${maxBytes} bytes of max_resp_body_size: it cannot be filtered`;
  return {
    begin(exchange) {
      const { response } = exchange;
      const coding = response.headerAll('content-encoding').join();
      const decode = decoderFor(coding, maxBytes);
      if (decode === null) {
        host.log.warn('body_not_filtered', { content_encoding: coding, exchange: exchange.id });
        return;
      }
      if (Number(response.header('content-length') ?? 0) > maxBytes) {
        host.log.error('body_too_long', { content_length: response.header('content-length'), exchange: exchange.id });
        refuse(exchange);
        return;
      }
      dropContentFields(response);
      exchange.set(keptKey, { decode, pieces: [], bytes: 0 });
      response.transformBody();
    },
    take(exchange, piece, isLast) {
      const kept = exchange.get(keptKey);
      if (kept === undefined) return piece;
      kept.bytes += piece.length;
      if (kept.bytes > maxBytes) throw new RangeError(tooLong);
      // The bytes belong to the caller once this returns.
      kept.pieces.push(isLast && kept.pieces.length === 0 ? viewOf(piece) : Buffer.from(piece));
      if (!isLast) return undefined;
      const [first = Buffer.alloc(0)] = kept.pieces;
      return filter(kept.decode(kept.pieces.length === 1 ? first : Buffer.concat(kept.pieces, kept.bytes)));
    },
  };
}

function viewOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function refuse({ id, response }: Exchange): void {
  const code = 'response_too_large';
  response.setStatus(502);
  dropContentFields(response);
  response.setHeader('Content-Type', 'application/json');
  response.setHeader('X-Gatewright-Error', code);
  response.replaceBody(`${JSON.stringify({ message: 'the response is too large', code, request_id: id })}\n`);
}
