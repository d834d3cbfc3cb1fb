/** Over TLS a write is over only after its turn of the event loop, also one of which the kernel took everything at once. */

export interface Settling {
  /** What was written has had its time to be over. */
  settle(): void;
  onException(error: unknown): void;
}

export function settleLater(connection: Settling): void {
  setImmediate(settle, connection);
}

function settle(connection: Settling): void {
  try {
    connection.settle();
  } catch (error) {
    connection.onException(error);
  }
}
