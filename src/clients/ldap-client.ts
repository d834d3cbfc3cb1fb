/** A directory for plugins: bounded in time, size and connections; nothing is sent twice. */
import type * as library from 'ldapts';
import type { Client } from 'ldapts';
import { ClientError } from '../sdk/clients.ts';
import type { LdapClient, LdapClientOptions, LdapSearch } from '../sdk/clients.ts';
import type { StartTimer } from './clients.ts';
import { checkedLdapOptions, type LdapBounds } from './ldap-options.ts';
import { LdapSocket } from './ldap-socket.ts';

type Ldapts = typeof library;

/** Those that bind as whoever is to be proved, and those that search as one and the same. */
type Role = 'bind' | 'search';

const INVALID_CREDENTIALS = 49;

/** One connection, on which one question is asked at a time. */
interface Line {
  readonly socket: LdapSocket;
  readonly client: Client;
  idle: ReturnType<StartTimer> | null;
}

type Give = (fault: ClientError | null) => void;

export class LdapConnections implements LdapClient {
  readonly #bounds: LdapBounds;
  readonly #startTimer: StartTimer;
  readonly #idle: Readonly<Record<Role, Line[]>> = { bind: [], search: [] };
  /** Calls that wait for one of the connections to be free. */
  readonly #waiting = new Set<Give>();
  /** What ends each call that is under way. */
  readonly #underWay = new Set<(fault: ClientError) => void>();
  #used = 0;
  #isClosed = false;

  /** Throws TypeError for wrong options. Connects with the first call. */
  constructor(options: LdapClientOptions, startTimer: StartTimer) {
    this.#bounds = checkedLdapOptions(options);
    this.#startTimer = startTimer;
  }

  async accepts(dn: string, password: string): Promise<boolean> {
    // A name without an equals sign is no DN, and the library would take some for mechanisms.
    if (!dn.includes('=') || password === '') return false;
    return this.#within('bind', async ({ client }) => {
      try {
        await client.bind(dn, password);
        return true;
      } catch (error) {
        if (codeOf(error) === INVALID_CREDENTIALS) return false;
        throw error;
      }
    });
  }

  find({ base, attribute, value, most, limit_s }: LdapSearch): Promise<readonly string[]> {
    return this.#within('search', async ({ client }, { EqualityFilter }) => {
      const { searchEntries } = await client.search(base, {
        scope: 'sub',
        filter: new EqualityFilter({ attribute, value }),
        attributes: ['1.1'],
        sizeLimit: most,
        timeLimit: limit_s,
      });
      return searchEntries.slice(0, most).map(({ dn }) => dn);
    });
  }

  /** Gives up what is under way, and closes every connection. */
  close(): void {
    this.#isClosed = true;
    const fault = closedError();
    for (const giveUp of this.#underWay) giveUp(fault);
    for (const line of [...this.#idle.bind, ...this.#idle.search]) this.#end(line, fault);
  }

  /** One deadline for everything that a call takes. */
  async #within<T>(role: Role, work: (line: Line, ldapts: Ldapts) => Promise<T>): Promise<T> {
    if (this.#isClosed) throw closedError();
    const call = new Call();
    const { timeout_ms } = this.#bounds;
    this.#underWay.add(call.giveUp);
    const timer = this.#startTimer(timeout_ms, () =>
      call.giveUp(new ClientError('timeout', `the directory did not answer within ${timeout_ms} ms`)),
    );
    try {
      return await Promise.race([call.lost, this.#attempt(role, call, work)]);
    } finally {
      timer.stop();
      this.#underWay.delete(call.giveUp);
    }
  }

  async #attempt<T>(role: Role, call: Call, work: (line: Line, ldapts: Ldapts) => Promise<T>): Promise<T> {
    await this.#place(call);
    let line: Line | null = null;
    try {
      const ldapts = await import('ldapts');
      line = this.#reuse(role) ?? (await this.#open(role, call, ldapts));
      const { socket } = line;
      call.endBy((fault) => socket.close(fault));
      socket.lostTo(call.giveUp);
      socket.ask();
      const result = await work(line, ldapts);
      this.#keep(role, line);
      return result;
    } catch (error) {
      const fault = faultOf(error, line);
      // After an answer the connection is as good as before, whatever the answer was.
      if (line !== null && fault.fault === 'rejected' && role === 'bind') this.#keep(role, line);
      else if (line !== null) this.#end(line, fault);
      throw fault;
    } finally {
      this.#used--;
      this.#letNextIn();
    }
  }

  /** Resolves when the call may use a connection. */
  async #place(call: Call): Promise<void> {
    if (this.#used < this.#bounds.connections) {
      this.#used++;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const give: Give = (fault) => {
        this.#waiting.delete(give);
        if (fault === null) resolve();
        else reject(fault);
      };
      this.#waiting.add(give);
      call.endBy(give);
    });
  }

  #letNextIn(): void {
    for (const give of this.#waiting) {
      this.#used++;
      give(null);
      return;
    }
  }

  #reuse(role: Role): Line | null {
    const lines = this.#idle[role];
    for (let line = lines.pop(); line !== undefined; line = lines.pop()) {
      line.idle?.stop();
      line.idle = null;
      if (line.socket.fault === null && line.client.isConnected) return line;
    }
    return null;
  }

  async #open(role: Role, call: Call, { Client }: Ldapts): Promise<Line> {
    const socket = await LdapSocket.open(this.#bounds, (giveUp) => call.endBy(giveUp));
    const client = new Client({
      // Where it leads to is the connection that is there.
      url: 'ldap://directory',
      createConnection: () => socket.stream,
    });
    const line: Line = { socket, client, idle: null };
    call.endBy((fault) => socket.close(fault));
    const { search_as } = this.#bounds;
    try {
      socket.lostTo(call.giveUp);
      if (role === 'search' && search_as !== null) await client.bind(search_as.dn, search_as.password);
    } catch (error) {
      const fault = faultOf(error, line);
      socket.close(fault);
      throw fault;
    }
    return line;
  }

  #keep(role: Role, line: Line): void {
    const { idle_connections, idle_ms } = this.#bounds;
    const lines = this.#idle[role];
    if (this.#isClosed || line.socket.fault !== null || lines.length >= idle_connections) {
      this.#end(line, closedError());
      return;
    }
    line.socket.lostTo(() => this.#drop(role, line));
    line.idle = this.#startTimer(idle_ms, () => this.#drop(role, line));
    lines.push(line);
  }

  #drop(role: Role, line: Line): void {
    const lines = this.#idle[role];
    const index = lines.indexOf(line);
    if (index >= 0) lines.splice(index, 1);
    this.#end(line, closedError());
  }

  #end(line: Line, fault: ClientError): void {
    line.idle?.stop();
    line.idle = null;
    line.socket.lostTo(() => {});
    line.socket.close(fault);
  }
}

/** A question on its way: whoever holds it up is told to stop when its time is over. */
class Call {
  readonly lost: Promise<never>;
  readonly giveUp: (fault: ClientError) => void;
  #fault: ClientError | null = null;
  #onEnded: (fault: ClientError) => void = () => {};

  constructor() {
    const { promise, reject } = Promise.withResolvers<never>();
    promise.catch(() => undefined);
    this.lost = promise;
    this.giveUp = (fault) => {
      if (this.#fault !== null) return;
      this.#fault = fault;
      reject(fault);
      this.#onEnded(fault);
    };
  }

  /** In place of who was told before; at once if its time is over. */
  endBy(onEnded: (fault: ClientError) => void): void {
    this.#onEnded = onEnded;
    if (this.#fault !== null) onEnded(this.#fault);
  }
}

function closedError(): ClientError {
  return new ClientError('closed', 'the client of the directory was closed');
}

/** Result codes of RFC 4511 §4.1.9; 0 for what is no answer. */
function codeOf(error: unknown): number {
  const { code } = error as { readonly code?: unknown };
  return typeof code === 'number' ? code : 0;
}

function faultOf(error: unknown, line: Line | null): ClientError {
  if (error instanceof ClientError) return error;
  const known = line?.socket.fault ?? null;
  if (known !== null) return known;
  const status = codeOf(error);
  const { message } = error as Error;
  if (status > 0)
    return new ClientError('rejected', `the directory says ${status}: ${message}`, { cause: error, status });
  return new ClientError('malformed', `the directory cannot be understood: ${message}`, { cause: error });
}
