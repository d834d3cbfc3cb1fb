/** The gateway cannot start; the message is for whoever started it. */
export class StartError extends Error {}

/** The gateway was told to stop before it served. */
export class StartStopped extends Error {}

/** Rejects with a StartStopped once the signal is aborted. */
export function whenUnwanted(signal: AbortSignal | undefined): Promise<never> {
  const { promise, reject } = Promise.withResolvers<never>();
  // The start may be over, for better or worse, when nobody waits for it any more.
  promise.catch(() => undefined);
  const stop = (): void => reject(new StartStopped('the gateway was told to stop before it served'));
  if (signal?.aborted === true) stop();
  signal?.addEventListener('abort', stop, { once: true });
  return promise;
}

/** Why an address could not be had, with what would help. */
export function listenProblem(error: unknown): string {
  const { code, message, address, port } = error as NodeJS.ErrnoException & { address?: string; port?: number };
  const place = `${address ?? 'the address'} port ${port ?? '?'}`;
  if (code === 'EADDRINUSE') return `cannot listen on ${place}: another process does`;
  if (code === 'EACCES') return `cannot listen on ${place}: ports below 1024 need the capability CAP_NET_BIND_SERVICE`;
  if (code === 'EADDRNOTAVAIL') return `cannot listen on ${place}: this machine does not have the address`;
  return message;
}
