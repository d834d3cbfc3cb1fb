/** Node.js's inspector over its WebSocket: starts and stops the CPU profiler on the main thread and on every worker. */
import type { CpuProfile } from './profile-report.ts';

interface Message {
  readonly id?: number;
  readonly method?: string;
  readonly params?: { readonly sessionId?: string; readonly message?: string; readonly workerInfo?: { title: string } };
  readonly result?: unknown;
  readonly error?: { readonly message: string };
}

interface Waiting {
  resolve(result: unknown): void;
  reject(error: Error): void;
}

/** One conversation: commands by number, and their answers. The main thread has one, each worker another inside it. */
class Session {
  private last = 0;
  private readonly waiting = new Map<number, Waiting>();
  private readonly write: (text: string) => void;

  constructor(write: (text: string) => void) {
    this.write = write;
  }

  send(method: string, params: object = {}): Promise<unknown> {
    const id = ++this.last;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, { resolve, reject });
      this.write(JSON.stringify({ id, method, params }));
    });
  }

  answer({ id, result, error }: Message): void {
    const waiting = this.waiting.get(id ?? 0);
    this.waiting.delete(id ?? 0);
    if (error === undefined) waiting?.resolve(result);
    else waiting?.reject(new Error(`inspector: ${error.message}`));
  }
}

export class Inspector {
  private readonly socket: WebSocket;
  private readonly main: Session;
  /** By session id; the name is the one that the thread was given. */
  private readonly workers = new Map<string, { readonly name: string; readonly session: Session }>();

  private constructor(socket: WebSocket) {
    this.socket = socket;
    this.main = new Session((text) => socket.send(text));
    socket.addEventListener('message', (event) => this.receive(JSON.parse(String(event.data)) as Message));
  }

  /** Connects and attaches to all threads; `address` is what Node.js prints at its start. */
  static async connect(address: string): Promise<Inspector> {
    const socket = new WebSocket(address);
    await new Promise((resolve, reject) => {
      socket.addEventListener('open', resolve);
      socket.addEventListener('error', () => reject(new Error(`no connection to ${address}`)));
    });
    const inspector = new Inspector(socket);
    await inspector.main.send('NodeWorker.enable', { waitForDebuggerOnStart: false });
    return inspector;
  }

  private receive(message: Message): void {
    const { method, params } = message;
    const id = params?.sessionId ?? '';
    if (method === undefined) this.main.answer(message);
    else if (method === 'NodeWorker.attachedToWorker') {
      const write = (text: string): void => {
        // A worker that ended refuses, and its profile is missing; nothing else depends on it.
        this.main.send('NodeWorker.sendMessageToWorker', { sessionId: id, message: text }).catch(() => {});
      };
      this.workers.set(id, { name: params?.workerInfo?.title ?? '', session: new Session(write) });
    } else if (method === 'NodeWorker.detachedFromWorker') this.workers.delete(id);
    else if (method === 'NodeWorker.receivedMessageFromWorker') {
      const inner = JSON.parse(params?.message ?? '{}') as Message;
      if (inner.method === undefined) this.workers.get(id)?.session.answer(inner);
    }
  }

  private threads(): [string, Session][] {
    const workers = [...this.workers].map(([id, { name, session }]): [string, Session] => [
      `thread ${id} ${name}`.trim(),
      session,
    ]);
    return [['main thread', this.main], ...workers];
  }

  /** Starts the profiler on every thread, with a sample every `interval_us` microseconds. */
  async start(interval_us: number): Promise<void> {
    for (const [, session] of this.threads()) {
      await session.send('Profiler.enable');
      await session.send('Profiler.setSamplingInterval', { interval: interval_us });
      await session.send('Profiler.start');
    }
  }

  /** Ends the profiler and gives each thread's profile, by the thread's name. */
  async stop(): Promise<Map<string, CpuProfile>> {
    const profiles = new Map<string, CpuProfile>();
    for (const [name, session] of this.threads()) {
      profiles.set(name, ((await session.send('Profiler.stop')) as { profile: CpuProfile }).profile);
    }
    return profiles;
  }

  close(): void {
    this.socket.close();
  }
}
