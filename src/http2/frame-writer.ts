/** The writing half of a connection: frames are put together in memory and go out in one write per turn. */
import type { TimerWheel } from '../clock/timer-wheel.ts';
import { writeLatin1 } from '../http1/bytes.ts';
import type { OwnedSocket } from '../http1/owned-socket.ts';
import { Stall } from '../http1/stall.ts';
import type { Flushable, FlushTurn } from './flush-turn.ts';
import { FRAME_HEAD_BYTES } from './protocol.ts';

const MEMORY_BYTES = 65_536;
/** Over TLS: for less, memory is not lent until it is taken. */
const MOST_COPIED_BYTES = 4_096;

/** Memory that no connection holds at the moment: an idle connection has none. */
const spares: Buffer[] = [];
const MOST_SPARES = 64;

function borrow(): Buffer {
  return spares.pop() ?? Buffer.allocUnsafeSlow(MEMORY_BYTES);
}

function giveBack(memory: Buffer): void {
  if (memory.length === MEMORY_BYTES && spares.length < MOST_SPARES) spares.push(memory);
}

export interface FrameWriterOptions {
  readonly turn: FlushTurn;
  readonly wheel: TimerWheel;
  readonly send_ms: number;
  /** The peer took nothing for `send_ms`. */
  readonly onStalled: () => void;
  /** Everything was taken at once: there is room again. */
  readonly onFlushed: () => void;
  /** So much more, or less, memory waits for the socket. */
  readonly onHeld: (bytes: number) => void;
}

export class FrameWriter implements Flushable {
  private readonly socket: OwnedSocket;
  private readonly options: FrameWriterOptions;
  private stall: Stall | null = null;
  /** What is not written yet. */
  memory: Buffer | null = null;
  length = 0;
  /** Grows with every write: what was put together before the last one cannot be changed any more. */
  generation = 0;
  private readonly lent: Buffer[] = [];
  /** Bytes of those that the kernel did not take at once. */
  private held = 0;
  private isWaiting = false;
  /** The peer has not taken what was written. */
  isBehind = false;
  /** There is nobody yet who could take it: how long that may last is not a matter of sending. */
  isConnecting = false;

  constructor(socket: OwnedSocket, options: FrameWriterOptions) {
    this.socket = socket;
    this.options = options;
  }

  get now_ms(): number {
    return this.options.wheel.now_ms;
  }

  /** Bytes that were handed over and not taken by the kernel, and those that wait for the end of the turn. */
  get backlog(): number {
    return this.socket.writableLength + this.length;
  }

  /** Makes room for `bytes` more. @returns the memory to write to, from `length` on */
  room(bytes: number): Buffer {
    if (this.memory !== null && this.length + bytes > this.memory.length) this.write();
    if (this.memory === null) this.memory = bytes > MEMORY_BYTES ? Buffer.allocUnsafeSlow(bytes) : borrow();
    if (!this.isWaiting) {
      this.isWaiting = true;
      this.options.turn.add(this);
    }
    return this.memory;
  }

  /** Writes the head of a frame whose payload is, or will be, behind it. */
  private head(memory: Buffer, at: number, payload: number, kind: number, stream: number): void {
    memory[at] = payload >>> 16;
    memory[at + 1] = payload >>> 8;
    memory[at + 2] = payload;
    memory[at + 3] = kind >>> 8;
    memory[at + 4] = kind;
    memory[at + 5] = stream >>> 24;
    memory[at + 6] = stream >>> 16;
    memory[at + 7] = stream >>> 8;
    memory[at + 8] = stream;
  }

  /** A frame with its payload. @param kind its type, shifted by 8 bits, and its flags. @returns the offset of the frame */
  frame(kind: number, stream: number, bytes: Uint8Array, start: number, end: number): number {
    const payload = end - start;
    const memory = this.room(FRAME_HEAD_BYTES + payload);
    const at = this.length;
    this.head(memory, at, payload, kind, stream);
    if (payload > 0) memory.set(bytes.subarray(start, end), at + FRAME_HEAD_BYTES);
    this.length = at + FRAME_HEAD_BYTES + payload;
    return at;
  }

  /** What is no frame: a client's preface. */
  raw(text: string): void {
    const memory = this.room(text.length);
    this.length += writeLatin1(memory, text, this.length);
  }

  /** A frame whose payload is a list of 32-bit numbers. */
  numbers(kind: number, stream: number, ...values: number[]): void {
    const memory = this.room(FRAME_HEAD_BYTES + values.length * 4);
    this.head(memory, this.length, values.length * 4, kind, stream);
    let at = this.length + FRAME_HEAD_BYTES;
    for (const value of values) at = memory.writeUInt32BE(value >>> 0, at);
    this.length = at;
  }

  /** The end of a turn. */
  flush(): void {
    this.isWaiting = false;
    this.write();
    if (!this.isBehind) this.options.onFlushed();
  }

  private write(): void {
    const { memory, socket } = this;
    if (memory === null) return;
    this.memory = null;
    this.generation++;
    const { length } = this;
    this.length = 0;
    const isLost = socket.destroyed || socket.writableEnded || socket.errored !== null;
    if (length === 0 || isLost) return giveBack(memory);
    if (socket.encrypted === true) this.writeSecured(memory, length);
    else {
      socket.write(memory.subarray(0, length));
      this.lent.push(memory);
      if (socket.writableLength === 0) return this.takeBack();
      this.held += memory.length;
      this.options.onHeld(memory.length);
    }
    // Below the socket's mark no 'drain' will come, and nobody has to wait for one.
    if (!socket.writableNeedDrain) return;
    this.isBehind = true;
    if (!this.isConnecting) this.watch();
  }

  private watch(): void {
    const { wheel, send_ms, onStalled } = this.options;
    this.stall ??= new Stall(this.socket, wheel, onStalled);
    this.stall.start(send_ms);
  }

  /** What was written goes out only now, and from now on it has to be taken. */
  connected(): void {
    this.isConnecting = false;
    if (this.isBehind) this.watch();
  }

  /** Over TLS a write is over only later, whatever was taken at once, and below the socket's mark no 'drain' tells of it. */
  private writeSecured(memory: Buffer, length: number): void {
    const { socket, options } = this;
    const isCopied = length <= MOST_COPIED_BYTES;
    const bytes = isCopied ? Buffer.from(memory.subarray(0, length)) : memory.subarray(0, length);
    const held = isCopied ? length : memory.length;
    if (isCopied) giveBack(memory);
    options.onHeld(held);
    socket.write(bytes, () => {
      if (!isCopied) giveBack(memory);
      options.onHeld(-held);
    });
  }

  /** The peer took everything. */
  caughtUp(): void {
    this.stop();
    this.isBehind = false;
    this.takeBack();
  }

  private takeBack(): void {
    if (this.held > 0) this.options.onHeld(-this.held);
    this.held = 0;
    for (let memory = this.lent.pop(); memory !== undefined; memory = this.lent.pop()) giveBack(memory);
  }

  stop(): void {
    this.stall?.stop();
  }
}
