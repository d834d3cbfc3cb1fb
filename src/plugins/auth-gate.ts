/**
 * The gate that every authentication plugin is built around: it makes a caller known, treats one who is not as the
 * anonymous consumer or refuses, counts, slows down who guesses, and says to the operator what it does not say to the caller.
 */
import { exchangeKey } from '../sdk/index.ts';
import type { Consumer, CounterSeries, Exchange, Host, Reply } from '../sdk/index.ts';
import type { AuthMetadata } from './auth-attributes.ts';
import { Damping, type SecretKind } from './auth-damping.ts';
import { identityHeaders } from './identity.ts';

export interface GateOptions {
  readonly host: Host;
  /** Of WWW-Authenticate: scheme and parameters. */
  readonly challenge: string;
  readonly anonymous_consumer: string | undefined;
  /** Of `authMetadataSchema`. */
  readonly metadata: unknown;
  /** `signature` unless told. */
  readonly secret?: SecretKind;
  /** Takes the credentials out of what the upstream gets; absent: they stay. */
  readonly hide?: ((exchange: Exchange) => void) | undefined;
}

/** Who calls, as a credential says; a `ConsumerMatch` is one. */
export interface Identity {
  readonly consumer: Consumer;
  readonly credentialId: string;
}

/** Why an attempt failed: for the log and `$auth_reason`, never for the caller. */
export interface Failure {
  /** Lower case with underscores, such as `password_wrong`. */
  readonly reason: string;
  /** Whom the caller claimed to be; never a secret. */
  readonly claimed?: string;
  /** More to be logged; never a secret. */
  readonly detail?: Readonly<Record<string, unknown>>;
  /** Whether it counts as a guess. Default true: what is false for is, say, a token that was valid and has expired. */
  readonly isGuess?: boolean;
}

/** A failure under a plugin that tries several. */
export interface Tried extends Failure {
  readonly plugin: string;
  readonly code: string;
}

/**
 * Set by a plugin that tries several others, to an empty list, before it runs them: what they refuse is noted there and
 * neither logged nor counted as refused, since another one may let the caller in. Guesses are counted all the same. Set to
 * undefined when that is over.
 */
export const TRIED = exchangeKey<Tried[] | undefined>('tried');

/** What a caller says is cut in the log after so many characters. */
const MOST_CHARACTERS = 100;

export class AuthGate {
  private readonly host: Host;
  private readonly challenge: string;
  private readonly anonymousName: string | undefined;
  private readonly damping: Damping;
  private readonly events: AuthMetadata['events'];
  private readonly hide: ((exchange: Exchange) => void) | undefined;
  private readonly countOf: (result: string) => CounterSeries;
  private readonly accepted: CounterSeries;

  constructor({ host, challenge, anonymous_consumer, metadata, secret = 'signature', hide }: GateOptions) {
    const { events, damping } = metadata as AuthMetadata;
    this.host = host;
    this.challenge = challenge;
    this.anonymousName = anonymous_consumer;
    this.damping = new Damping({ host, amounts: damping, secret });
    this.events = events;
    this.hide = hide;
    this.countOf = resultCounter(host);
    this.accepted = this.countOf('accepted');
  }

  /** A refusal with 401 and the challenge, to be made in `create`. @param message all that the caller is told */
  refusal(code: string, message: string): Reply {
    const headers = Object.freeze({ 'WWW-Authenticate': this.challenge });
    return Object.freeze({ status: 401, code, headers, body: Object.freeze({ message }) });
  }

  /** The caller is who the credential says. */
  accept(exchange: Exchange, { consumer, credentialId }: Identity): undefined {
    this.hide?.(exchange);
    identityHeaders(exchange, consumer, credentialId);
    exchange.authenticate(consumer, credentialId);
    return this.admit(exchange, consumer.username);
  }

  /** The caller is known, but is no consumer. @param who for the log */
  admit(exchange: Exchange, who: string): undefined {
    this.accepted.add(1);
    if (this.events === 'all') this.host.log.info('auth_accepted', { claimed: cut(who), ...whereOf(exchange) });
    return undefined;
  }

  /** The caller shows no credentials. @param reason for the log @returns as `refuse` */
  lack(exchange: Exchange, refusal: Reply, reason = 'nothing_presented'): Reply | undefined {
    return this.letAnonymousIn(exchange) ? undefined : this.turnAway(exchange, refusal, { reason });
  }

  /**
   * The caller's credentials are wrong.
   *
   * @returns what the phase returns: nothing where the caller goes on as the anonymous consumer, 429 in place of the
   *   refusal where the address has had too many of them
   */
  refuse(exchange: Exchange, refusal: Reply, failure: Failure): Reply | undefined {
    const { isGuess = true, claimed = '' } = failure;
    const held_ms = isGuess ? this.damping.failed_ms(exchange, claimed) : 0;
    if (this.letAnonymousIn(exchange)) return undefined;
    return this.turnAway(exchange, held_ms === 0 ? refusal : tooMany(held_ms), failure);
  }

  /** Whether the credentials are right cannot be found out: nobody is let in, not even as nobody in particular. */
  fail(exchange: Exchange, reply: Reply, failure: Failure): Reply {
    return this.turnAway(exchange, reply, failure);
  }

  /**
   * Whether this address has guessed too often, at this name or at all, so that its credentials are not to be looked at: the
   * phase then returns `refuseHeld`. Costs nothing unless secrets can be guessed, or all is to be blocked.
   *
   * @param claimed whom the caller claims to be, '' where that is no part of the credentials
   */
  isHeld(exchange: Exchange, claimed: string): boolean {
    return this.damping.held_ms(exchange, claimed) > 0;
  }

  /** @returns as `refuse` */
  refuseHeld(exchange: Exchange, claimed: string): Reply | undefined {
    if (this.letAnonymousIn(exchange)) return undefined;
    const held_ms = this.damping.held_ms(exchange, claimed);
    return this.turnAway(exchange, tooMany(held_ms), { reason: 'too_many_failures', claimed });
  }

  private letAnonymousIn(exchange: Exchange): boolean {
    const { anonymousName } = this;
    if (anonymousName === undefined) return false;
    const consumer = exchange.consumerNamed(anonymousName);
    if (consumer === undefined) {
      this.host.log.error('anonymous_consumer_missing', { consumer: anonymousName });
      return false;
    }
    // What is wrong here may be right elsewhere, or have been right until a moment ago.
    this.hide?.(exchange);
    identityHeaders(exchange, consumer, '');
    exchange.authenticate(consumer);
    this.countOf('anonymous').add(1);
    return true;
  }

  private turnAway(exchange: Exchange, reply: Reply, failure: Failure): Reply {
    const { reason, claimed = '', detail = {} } = failure;
    const code = reply.code ?? '';
    const tried = exchange.get(TRIED);
    if (tried !== undefined) {
      tried.push({ ...failure, code, plugin: this.host.owner.plugin });
      return reply;
    }
    this.countOf(code).add(1);
    exchange.setVariable('auth_reason', reason);
    if (this.events !== 'none') {
      const who = claimed === '' ? {} : { claimed: cut(claimed) };
      this.host.log.info('auth_refused', { code, reason, ...who, ...whereOf(exchange), ...detail });
    }
    return reply;
  }
}

function tooMany(held_ms: number): Reply {
  return {
    status: 429,
    code: 'auth_damped',
    headers: { 'Retry-After': String(Math.ceil(held_ms / 1000)) },
    body: { message: 'Too many failed attempts' },
  };
}

/** Where an attempt was made. Without the query: people write keys and tokens there. */
function whereOf({ remoteAddress, route, request, id }: Exchange): Readonly<Record<string, unknown>> {
  return { from: remoteAddress, route: route.id, method: request.method, path: cut(request.path), exchange: id };
}

function cut(text: string): string {
  return text.length <= MOST_CHARACTERS ? text : `${text.slice(0, MOST_CHARACTERS)}…`;
}

/** Results are `accepted`, `anonymous` and the codes of refusals: a handful for each plugin. */
function resultCounter({ metrics, owner }: Host): (result: string) => CounterSeries {
  const counter = metrics.counter('gatewright_authentications_total', {
    help: 'Callers that were let in, let in as nobody in particular, or refused, by the code of the refusal.',
    labels: ['plugin', 'result'],
  });
  const series = new Map<string, CounterSeries>();
  return (result) => {
    let found = series.get(result);
    if (found === undefined) series.set(result, (found = counter.series(owner.plugin, result)));
    return found;
  };
}
