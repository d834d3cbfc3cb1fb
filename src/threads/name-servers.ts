/** Asks name servers, each question over sockets of its own. */
import { promises as dns } from 'node:dns';
import type { DnsClient } from '../upstream/dns-lookup.ts';

/** Of one question to one name server; c-ares lengthens it with each try. */
const QUESTION_MS = 1_000;
const TRIES = 3;
/** Questions at once; the others wait for their turn. */
const MOST_QUESTIONS = 64;

/** @param servers with their port where it is not 53; none: those of the system, as they are now */
export function askServers(servers: readonly string[]): DnsClient {
  const resolvers = new Resolvers(servers);
  return {
    resolve4: (name) => resolvers.ask((resolver) => resolver.resolve4(name, { ttl: true })),
    resolve6: (name) => resolvers.ask((resolver) => resolver.resolve6(name, { ttl: true })),
    resolveSrv: (name) => resolvers.ask((resolver) => resolver.resolveSrv(name)),
  };
}

/**
 * A resolver at a time asks one question: when an answer is malformed, c-ares closes the socket that it came by, and counts
 * that as a try of every question under way there. One name whose server talks nonsense, or whoever sends nonsense in its
 * place, would take the others along. And the port of a question cannot be told from that of the one before.
 */
class Resolvers {
  private readonly servers: readonly string[];
  /** The one used last is used next: it knows which of its servers answer. */
  private readonly idle: dns.Resolver[] = [];
  private readonly waiting: (() => void)[] = [];
  private asking = 0;

  constructor(servers: readonly string[]) {
    this.servers = servers;
  }

  async ask<T>(question: (resolver: dns.Resolver) => Promise<T>): Promise<T> {
    // Who is let in by the one that ends takes its place.
    if (this.asking === MOST_QUESTIONS) await new Promise<void>((resolve) => this.waiting.push(resolve));
    else this.asking++;
    const resolver = this.idle.pop() ?? this.create();
    try {
      return await question(resolver);
    } finally {
      this.idle.push(resolver);
      const next = this.waiting.shift();
      if (next === undefined) this.asking--;
      else next();
    }
  }

  private create(): dns.Resolver {
    const resolver = new dns.Resolver({ timeout: QUESTION_MS, tries: TRIES });
    if (this.servers.length > 0) resolver.setServers(this.servers);
    return resolver;
  }
}
