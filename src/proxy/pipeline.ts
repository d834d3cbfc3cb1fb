/**
 * Runs the phases that were compiled for a route. A chain of synchronous plugins is a plain loop: only a phase that
 * returned a Promise is awaited. What a plugin throws, or what it returns that is no answer, costs its own exchange and
 * nothing else, and is named.
 */
import type { Step } from '../compile/chain.ts';
import type { PhaseResult, PluginInstance } from '../sdk/plugin.ts';
import type { Reply } from '../sdk/reply.ts';
import type { Exchange } from './exchange.ts';

export type RequestPhase = 'rewrite' | 'access' | 'beforeProxy';
export type Phase = RequestPhase | 'responseHead' | 'responseBody' | 'log';

/** Goes on, ends with a Reply, or is not decided yet. */
export type Outcome = Reply | undefined | Promise<Reply | undefined>;

/** The phases up to the choice of a node: rewrite, the consumer's own rewrite, access. */
export function runRequestPhases(exchange: Exchange): Outcome {
  const { claimed } = exchange.chain;
  if (claimed.length > 0) exchange.head.removeAlike(claimed);
  const outcome = runSteps(exchange, exchange.chain.rewrite, 'rewrite');
  if (outcome === undefined) return runConsumerRewrite(exchange);
  return outcome instanceof Promise ? outcome.then((reply) => reply ?? runConsumerRewrite(exchange)) : outcome;
}

function runConsumerRewrite(exchange: Exchange): Outcome {
  exchange.endAuthentication();
  const outcome = runSteps(exchange, exchange.chain.consumerRewrite, 'rewrite');
  if (outcome === undefined) return runAccess(exchange);
  return outcome instanceof Promise ? outcome.then((reply) => reply ?? runAccess(exchange)) : outcome;
}

function runAccess(exchange: Exchange): Outcome {
  return runSteps(exchange, exchange.chain.access, 'access');
}

/** One request phase of a chain. */
export function runSteps(exchange: Exchange, steps: readonly Step[], phase: RequestPhase, from = 0): Outcome {
  const { running } = exchange.plane;
  for (let i = from; i < steps.length; i++) {
    const step = steps[i];
    if (step === undefined || !passes(exchange, step)) continue;
    let result: PhaseResult;
    running[0] = step.number;
    try {
      result = runPhase(step.instance, phase, exchange);
    } catch (error) {
      running[0] = 0;
      return fail(exchange, step, phase, error);
    }
    running[0] = 0;
    if (result === undefined) continue;
    if (!isPromise(result)) return checkedReply(exchange, step, phase, result);
    return settle(exchange, step, phase, result).then((reply) => reply ?? runSteps(exchange, steps, phase, i + 1));
  }
  return undefined;
}

/** By name: what is computed from a variable's value costs several times as much, since plugins have many shapes. */
function runPhase(instance: PluginInstance, phase: RequestPhase, exchange: Exchange): PhaseResult {
  if (phase === 'rewrite') return instance.rewrite?.(exchange);
  if (phase === 'access') return instance.access?.(exchange);
  return instance.beforeProxy?.(exchange);
}

/** The phase `responseHead`: the status, fields and body of the response may change. @returns false if a plugin failed */
export function runResponseHead(exchange: Exchange): boolean {
  let isSound = true;
  for (const step of exchange.chain.responseHead) {
    if (!passes(exchange, step)) continue;
    const { running } = exchange.plane;
    running[0] = step.number;
    try {
      step.instance.responseHead?.(exchange);
    } catch (error) {
      exchange.plane.onPluginFault({ exchange, plugin: step.plugin, phase: 'responseHead', error });
      isSound = false;
    }
    running[0] = 0;
    if (exchange.response.wantsBody) {
      exchange.response.wantsBody = false;
      if (step.instance.responseBody !== undefined) exchange.addBodyStep(step);
    }
  }
  return isSound;
}

/** One piece of the body through all steps that asked for it. @returns null if one of them failed, or breaks the response off */
export function runResponseBody(exchange: Exchange, piece: Uint8Array, isLast: boolean): Uint8Array | null {
  let passed = piece;
  for (const step of exchange.bodySteps) {
    if (passed.length === 0 && !isLast) break;
    const { running } = exchange.plane;
    running[0] = step.number;
    try {
      passed = step.instance.responseBody?.(exchange, passed, isLast) ?? NOTHING;
    } catch (error) {
      exchange.plane.onPluginFault({ exchange, plugin: step.plugin, phase: 'responseBody', error });
      running[0] = 0;
      return null;
    }
    running[0] = 0;
    if (exchange.asked !== null && exchange.asked.breakCode !== '') {
      exchange.repliedBy = step.plugin;
      return null;
    }
  }
  return passed;
}

const NOTHING = new Uint8Array(0);

/** The phase `log`. */
export function runLog(exchange: Exchange): void {
  for (const step of exchange.chain.log) {
    if (!passes(exchange, step)) continue;
    const { running } = exchange.plane;
    running[0] = step.number;
    try {
      step.instance.log?.(exchange);
    } catch (error) {
      exchange.plane.onPluginFault({ exchange, plugin: step.plugin, phase: 'log', error });
    }
    running[0] = 0;
  }
}

function passes(exchange: Exchange, step: Step): boolean {
  if (exchange.asked?.skipped?.has(step.plugin) === true) return false;
  return step.filter === null || exchange.passesFilter(step);
}

function isPromise(result: unknown): result is Promise<unknown> {
  return typeof (result as { then?: unknown } | null)?.then === 'function';
}

/** Waits for a phase, but not for ever: a plugin that never answers is a plugin that failed. */
function settle(
  exchange: Exchange,
  step: Step,
  phase: Phase,
  result: Promise<void | Reply>,
): Promise<Reply | undefined> {
  return new Promise((resolve) => {
    // Whatever the plugin comes to: there is nobody left to be served by it.
    exchange.onOver(() => {
      timer.stop();
      resolve(OVER);
    });
    const timer = exchange.plane.startTimer(exchange.plane.options.pluginTimeout_ms, () => {
      resolve(fail(exchange, step, phase, new Error(`no answer within ${exchange.plane.options.pluginTimeout_ms} ms`)));
    });
    result.then(
      (reply) => {
        timer.stop();
        resolve(reply === undefined ? undefined : checkedReply(exchange, step, phase, reply));
      },
      (error: unknown) => {
        timer.stop();
        resolve(fail(exchange, step, phase, error));
      },
    );
  });
}

/** Fails closed: a fault in a plugin that may be guarding something must not open the way. */
function fail(exchange: Exchange, step: Step, phase: Phase, error: unknown): Reply {
  exchange.plane.onPluginFault({ exchange, plugin: step.plugin, phase, error });
  return PLUGIN_FAILED;
}

/** Ends the phases of an exchange that is over. */
const OVER: Reply = Object.freeze({ status: 499 });

/** Stands for the error of that code; reply.ts answers it like any error of the table. */
export const PLUGIN_FAILED: Reply = Object.freeze({ status: 500, code: 'plugin_failed' });

function checkedReply(exchange: Exchange, step: Step, phase: Phase, reply: Reply): Reply {
  const status = (reply as Reply | null)?.status ?? 0;
  if (!Number.isInteger(status) || status < 200 || status > 599) {
    return fail(exchange, step, phase, new TypeError(`returned no Reply: its status is ${String(status)}`));
  }
  exchange.repliedBy = step.plugin;
  return step.errorResponse === undefined || status < 400 ? reply : { ...reply, body: step.errorResponse };
}
