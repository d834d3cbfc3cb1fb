/** The course of one exchange up to the moment when somebody answers it: route, phases, node. */
import type { CompiledRoute, CompiledUpstream } from '../compile/snapshot.ts';
import type { RequestFault } from '../http1/faults.ts';
import type { RequestSink } from '../http1/server-settings.ts';
import { NEEDS_BODY } from '../router/router.ts';
import { type ErrorCode, ERRORS } from '../sdk/errors.ts';
import type { Reply } from '../sdk/reply.ts';
import { BodyRouting } from './body-routing.ts';
import type { Exchange } from './exchange.ts';
import { Forward } from './forward.ts';
import { HeldRequest } from './held-request.ts';
import { countHop } from './max-forwards.ts';
import { NodeWait } from './node-wait.ts';
import { type Outcome, runRequestPhases, runSteps } from './pipeline.ts';
import { timeoutsTo } from './outgoing-request.ts';
import { reply, replyError } from './reply.ts';
import { isStreamed, StreamedReply } from './streamed-reply.ts';
import { webSocketForward } from './websocket.ts';
import type { HandshakeFault } from './websocket-handshake.ts';

/** Finds the route and goes on with it. @returns where the request's body goes */
export function route(exchange: Exchange): RequestSink {
  const found = exchange.snapshot.router.find(exchange);
  if (found === NEEDS_BODY) return new BodyRouting(exchange, routeByBody);
  return follow(exchange, found);
}

/** The same once the body is there. It is kept, and passed to whoever takes the request. */
function routeByBody(exchange: Exchange): RequestSink {
  const found = exchange.snapshot.router.find(exchange);
  if (found === NEEDS_BODY) throw new Error('the router asks for a body that it has');
  return follow(exchange, found);
}

function follow(exchange: Exchange, found: CompiledRoute | undefined): RequestSink {
  exchange.matched = found ?? null;
  const { chains } = exchange.snapshot;
  if (chains !== undefined) exchange.chain = chains.chainOf(exchange.matched, null);
  if (exchange.chain.isEmpty) return serve(exchange);
  const outcome = runRequestPhases(exchange);
  if (outcome === undefined) return serve(exchange);
  return outcome instanceof Promise ? hold(exchange, outcome, (next) => serve(next)) : answer(exchange, outcome);
}

/** Every request phase but the last let the exchange pass: picks a node. */
function serve(exchange: Exchange, mayWait = true): RequestSink {
  const { matched } = exchange;
  if (matched === null) {
    exchange.plane.onNoRoute(exchange);
    return refuse(exchange, 'route_not_found');
  }
  // What is no tunnel must not be taken for one, as any answer in the 200s would be.
  if (exchange.downstream.isConnect === true && matched.websocket !== true)
    return refuse(exchange, 'method_not_implemented');
  const { refusal } = matched;
  const isRedirected = exchange.asked !== null && exchange.asked.upstream !== null;
  // A route that names no upstream may get one from its plugins.
  if (refusal !== null && !(isRedirected && refusal.code === 'upstream_missing')) return refuse(exchange, refusal.code);
  const upstream = isRedirected ? exchange.upstream : matched.upstream;
  if (upstream === null) return refuse(exchange, 'upstream_missing');
  // Nearly always there are some, and all are addresses.
  if (upstream.nodes.length === 0 || upstream.names !== undefined) {
    const instead = withoutNodes(exchange, upstream, mayWait);
    if (instead !== null) return instead;
  }
  if (exchange.method === 'OPTIONS') {
    const hop = countHop(exchange);
    if (hop === 'malformed') return refuse(exchange, 'bad_header');
    if (hop === 'last') return answer(exchange, { status: 200 });
  }
  const forward = matched.websocket === true ? webSocketForward(exchange, upstream) : new Forward(exchange, upstream);
  if (typeof forward === 'string') return refuseHandshake(exchange, forward);
  if (!forward.choose()) {
    const answered = forward.noNode();
    return answered === undefined ? refuse(exchange, 'no_node') : answer(exchange, answered);
  }
  const { beforeProxy } = exchange.chain;
  if (beforeProxy.length === 0) return sinkOf(exchange, forward);
  exchange.isNodeChosen = true;
  const outcome = runSteps(exchange, beforeProxy, 'beforeProxy');
  if (outcome === undefined) return sinkOf(exchange, forward);
  if (outcome instanceof Promise) {
    return hold(
      exchange,
      outcome.then((result) => {
        if (result !== undefined) forward.cancel();
        return result;
      }),
      () => sinkOf(exchange, forward),
      () => forward.cancel(),
    );
  }
  forward.cancel();
  return answer(exchange, outcome);
}

/** Plugins may want a part in the body on its way. */
function sinkOf(exchange: Exchange, forward: Forward): RequestSink {
  return exchange.asked?.body?.sinkBefore(forward) ?? forward;
}

/** Null: there are nodes. */
function withoutNodes(exchange: Exchange, upstream: CompiledUpstream, mayWait: boolean): RequestSink | null {
  const { targets, startTimer } = exchange.plane;
  const { nodes, isPending } = targets.of(upstream);
  if (nodes.length > 0) return null;
  if (!isPending || !mayWait) {
    return refuse(exchange, upstream.names === undefined ? 'upstream_empty' : 'upstream_unresolved');
  }
  // As long as a connection may take at most.
  const wait = new NodeWait(targets, upstream);
  const timer = startTimer(timeoutsTo(exchange, upstream).connect_ms, () => wait.end());
  return hold(
    exchange,
    wait.over.then(() => {
      timer.stop();
      return undefined;
    }),
    (next) => serve(next, false),
    () => wait.end(),
  );
}

/** Keeps the request until a phase has decided. */
function hold(
  exchange: Exchange,
  outcome: Exclude<Outcome, Reply | undefined>,
  next: (exchange: Exchange) => RequestSink,
  onEnded: () => void = ignore,
): RequestSink {
  const held = new HeldRequest(exchange, (fault) => {
    onEnded();
    endHeld(exchange, fault);
  });
  outcome
    .then(
      (result) => {
        if (held.isGone) return;
        held.release(result === undefined ? next(exchange) : answer(exchange, result));
      },
      (error: unknown) => {
        exchange.plane.onFault(error);
        if (!held.isGone) held.release(refuse(exchange, 'internal'));
      },
    )
    .catch((error: unknown) => {
      exchange.plane.onFault(error);
      exchange.downstream.abort(true);
      exchange.finish();
    });
  return held;
}

function endHeld(exchange: Exchange, fault: RequestFault | 'client_closed'): void {
  if (fault === 'client_closed') {
    exchange.status = 499;
    exchange.errorCode = fault;
    exchange.finish();
  } else replyError(exchange, fault);
}

function answer(exchange: Exchange, result: Reply): RequestSink {
  try {
    if (isStreamed(result.body)) return new StreamedReply(exchange, result, result.body);
    reply(exchange, result);
  } catch (error) {
    // What cannot be written, such as a field with a line end, is the fault of who made it.
    exchange.plane.onPluginFault({ exchange, plugin: exchange.repliedBy, phase: 'reply', error });
    if (!exchange.isHeadSent) return refuse(exchange, 'plugin_failed');
  }
  return ANSWERED;
}

/** Answers with an error of the table. */
export function refuse(exchange: Exchange, code: ErrorCode): RequestSink {
  replyError(exchange, code);
  return ANSWERED;
}

/** The same, where the client did not know how to ask for WebSocket (RFC 6455 §4.4). */
function refuseHandshake(exchange: Exchange, code: HandshakeFault): RequestSink {
  if (code === 'websocket_handshake') return refuse(exchange, code);
  const { status, message } = ERRORS[code];
  const headers = { 'Sec-WebSocket-Version': '13' };
  return answer(exchange, { status, code, headers, body: { message, code, request_id: exchange.requestId } });
}

/** The sink of a request that was answered before its body: the connection drops that by itself. */
const ANSWERED: RequestSink = {
  onRequestStart: ignore,
  onRequestBody: ignore,
  onRequestFault: ignore,
  onClientGone: ignore,
  onClientWritable: ignore,
};

function ignore(): void {}
