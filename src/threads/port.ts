/** Ports between threads, over Node's. */
import type { MessagePort } from 'node:worker_threads';
import type { Port } from './messages.ts';

export function portOf<In, Out>(port: MessagePort): Port<In, Out> {
  return {
    post: (message) => port.postMessage(message),
    receive: (onMessage) => void port.on('message', onMessage),
    onClose: (callback) => void port.on('close', callback),
    close: () => port.close(),
  };
}
