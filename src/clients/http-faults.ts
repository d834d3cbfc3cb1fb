import { ClientError } from '../sdk/clients.ts';
import type { ClientFault } from '../sdk/clients.ts';

const FAULTS: Readonly<Record<string, ClientFault>> = {
  ECONNREFUSED: 'refused',
  EHOSTUNREACH: 'refused',
  ENETUNREACH: 'refused',
  ENOTFOUND: 'refused',
  EAI_AGAIN: 'refused',
  EADDRNOTAVAIL: 'refused',
  ETIMEDOUT: 'timeout',
  ECONNRESET: 'reset',
  EPIPE: 'reset',
};

/** What failed, in the few words that plugins decide by; the cause goes along for the log. @param url null once there is an answer */
export function clientError(error: NodeJS.ErrnoException, url: URL | null): ClientError {
  if (error instanceof ClientError) return error;
  const { code = '' } = error;
  const fault = faultOf(code, error.message);
  const place = url === null ? '' : `${url.origin}: `;
  return new ClientError(fault, `${place}${error.message === '' ? code : error.message}`, { cause: error });
}

function faultOf(code: string, message: string): ClientFault {
  const known = FAULTS[code];
  if (known !== undefined) return known;
  if (code.startsWith('HPE_')) return code === 'HPE_HEADER_OVERFLOW' ? 'too_large' : 'malformed';
  // OpenSSL's verification errors have no prefix of their own.
  if (/^(?:ERR_TLS|ERR_SSL|CERT_|DEPTH_|SELF_SIGNED|UNABLE_TO|EPROTO)/.test(code) || /certificate/i.test(message))
    return 'tls';
  return 'reset';
}
