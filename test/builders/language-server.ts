/** TypeScript's own language server, as editors speak to it: JSON-RPC over its standard streams. */
import { spawn } from 'node:child_process';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

const TSC = path.resolve(import.meta.dirname, '../../node_modules/.bin/tsc');

interface Message {
  readonly id?: number | string;
  readonly method?: string;
  readonly result?: unknown;
  readonly error?: { readonly message: string };
}

export interface CompletionItem {
  readonly label: string;
  readonly documentation?: string | { readonly value: string };
}

export class LanguageServer {
  private readonly child;
  private readonly waiting = new Map<number, PromiseWithResolvers<unknown>>();
  private received = Buffer.alloc(0);
  private count = 0;

  constructor(folder: string) {
    this.child = spawn(TSC, ['--lsp', '--stdio'], { cwd: folder, stdio: ['pipe', 'pipe', 'ignore'] });
    this.child.stdout.on('data', (piece: Buffer) => this.take(piece));
    this.child.on('exit', () => {
      for (const { reject } of this.waiting.values()) reject(new Error('the language server ended'));
    });
  }

  async open(folder: string, file: string, text: string): Promise<void> {
    const rootUri = pathToFileURL(folder).href;
    await this.ask('initialize', { processId: process.pid, rootUri, capabilities: {} });
    this.tell('initialized', {});
    const uri = pathToFileURL(path.join(folder, file)).href;
    this.tell('textDocument/didOpen', { textDocument: { uri, languageId: 'typescript', version: 1, text } });
  }

  /** What the editor shows for the completion `label` where `mark` stands in the text; '' if it is not offered. */
  async documentation(folder: string, file: string, at: Place, label: string): Promise<string> {
    const uri = pathToFileURL(path.join(folder, file)).href;
    const params = { textDocument: { uri }, position: at };
    const found = (await this.ask('textDocument/completion', params)) as
      | { readonly items: readonly CompletionItem[] }
      | readonly CompletionItem[]
      | null;
    const items = found === null ? [] : 'items' in found ? found.items : found;
    // An optional attribute is shown with its question mark.
    const item = items.find((one) => one.label.replace(/\?$/, '').replaceAll(/["']/g, '') === label);
    if (item === undefined) return '';
    const resolved = (await this.ask('completionItem/resolve', item)) as CompletionItem;
    const { documentation = '' } = resolved;
    return typeof documentation === 'string' ? documentation : documentation.value;
  }

  close(): void {
    this.child.kill();
  }

  private ask(method: string, params: unknown): Promise<unknown> {
    const id = ++this.count;
    const answer = Promise.withResolvers<unknown>();
    this.waiting.set(id, answer);
    this.send({ id, method, params });
    return answer.promise;
  }

  private tell(method: string, params: unknown): void {
    this.send({ method, params });
  }

  private send(message: object): void {
    const text = JSON.stringify({ jsonrpc: '2.0', ...message });
    this.child.stdin.write(`Content-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`);
  }

  private take(piece: Buffer): void {
    this.received = Buffer.concat([this.received, piece]);
    for (;;) {
      const end = this.received.indexOf('\r\n\r\n');
      if (end < 0) return;
      const length = Number(/Content-Length: (\d+)/i.exec(this.received.toString('latin1', 0, end))?.[1] ?? 0);
      if (this.received.length < end + 4 + length) return;
      const text = this.received.toString('utf8', end + 4, end + 4 + length);
      this.received = this.received.subarray(end + 4 + length);
      this.onMessage(JSON.parse(text) as Message);
    }
  }

  private onMessage({ id, method, result, error }: Message): void {
    if (method !== undefined) {
      // It asks for the editor's settings: there are none.
      if (id !== undefined) this.send({ id, result: null });
      return;
    }
    const waiting = typeof id === 'number' ? this.waiting.get(id) : undefined;
    if (error === undefined) waiting?.resolve(result);
    else waiting?.reject(new Error(error.message));
  }
}

export interface Place {
  readonly line: number;
  readonly character: number;
}
