/** Conditions of plugins that may ask for the body of the request: it is read only where one of them does. */
import { createBodyVariables } from '../sdk/conditions.ts';
import type { ConditionSource } from '../sdk/conditions.ts';
import type { Exchange } from '../sdk/index.ts';

/** A longer body has no values, as in the conditions of routes. */
const CONDITION_BODY_BYTES = 65_536;

/** What conditions are evaluated on, with what the body says. The plugin declares `buffers: 'request'`. */
export async function sourceWithBody(exchange: Exchange): Promise<ConditionSource> {
  const { request } = exchange;
  const bytes = await request.readBody(CONDITION_BODY_BYTES);
  const body = createBodyVariables({
    contentType: request.header('content-type') ?? '',
    text: bytes === null ? '' : Buffer.from(bytes).toString('utf8'),
    query: request.query,
  });
  return { variable: (name) => exchange.variable(name), body };
}
