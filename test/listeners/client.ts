/** A client of any listener: of a port, of both families, or of a UNIX domain socket. */
import http from 'node:http';
import net from 'node:net';

export type Place = { readonly port: number; readonly host?: string } | { readonly socketPath: string };

export interface Got {
  readonly status: number;
  readonly body: string;
}

/** Asks once, on a connection of its own unless an agent is given. Rejects if the answer breaks off. */
export function askAt(place: Place, path: string, agent: http.Agent | false = false): Promise<Got> {
  return new Promise((resolve, reject) => {
    const where = 'port' in place ? { host: '127.0.0.1', ...place } : place;
    const request = http.get({ ...where, path, agent, headers: { Host: 'app.example' } }, (response) => {
      let body = '';
      response.setEncoding('utf8');
      response.on('data', (text: string) => (body += text));
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
    });
    request.on('error', reject);
  });
}

/** How an attempt to connect ends: 'connected', or the code of its error. */
export function connecting(place: Place): Promise<string> {
  return new Promise((resolve) => {
    const socket = net.connect('port' in place ? { host: '127.0.0.1', ...place } : { path: place.socketPath });
    socket.once('connect', () => {
      socket.destroy();
      resolve('connected');
    });
    socket.once('error', ({ code }: NodeJS.ErrnoException) => resolve(code ?? ''));
  });
}
