/** `Authorization: Signature …` as draft-cavage-http-signatures-12 §3.1 has it, read strictly. */

export interface SignatureField {
  readonly keyId: string;
  readonly algorithm: string;
  /** Names in lower case, in their order: what is signed. */
  readonly headers: readonly string[];
  readonly signature: Buffer;
}

export type SignatureFault =
  | 'nothing_presented'
  | 'other_scheme'
  | 'authorization_repeated'
  | 'parameters_malformed'
  | 'parameter_unknown'
  | 'parameter_repeated'
  | 'parameter_missing'
  | 'header_repeated'
  | 'headers_malformed'
  | 'not_base64';

const PARAMETER = / *([A-Za-z]+)="([\x20\x21\x23-\x5b\x5d-\x7e]*)" *(,|$)/y;
const NEEDED = ['keyId', 'algorithm', 'headers', 'signature'] as const;
const NAME = /^(?:@request-target|[!#$%&'*+\-.^_`|~0-9a-z]+)$/;
const MOST_HEADERS = 64;

/** @param values of Authorization */
export function parseSignature(values: readonly string[]): SignatureField | SignatureFault {
  const [value] = values;
  if (value === undefined || value === '') return 'nothing_presented';
  if (values.length > 1) return 'authorization_repeated';
  if (!/^signature /i.test(value)) return 'other_scheme';
  const parameters = readParameters(value.slice(10));
  if (typeof parameters === 'string') return parameters;
  const [keyId = '', algorithm = '', headers = '', signature = ''] = NEEDED.map((name) => parameters.get(name));
  if (keyId === '' || algorithm === '' || headers === '' || signature === '') return 'parameter_missing';
  const names = headers.toLowerCase().split(' ');
  if (names.length > MOST_HEADERS || !names.every((name) => NAME.test(name))) return 'headers_malformed';
  if (new Set(names).size < names.length) return 'header_repeated';
  const bytes = Buffer.from(signature, 'base64');
  if (bytes.toString('base64') !== signature) return 'not_base64';
  return { keyId, algorithm: algorithm.toLowerCase(), headers: names, signature: bytes };
}

function readParameters(text: string): Map<string, string> | SignatureFault {
  const parameters = new Map<string, string>();
  const pattern = new RegExp(PARAMETER);
  for (let isLast = false; !isLast;) {
    const [, name, value = '', end] = pattern.exec(text) ?? [];
    if (name === undefined) return 'parameters_malformed';
    // `created` and `expires` too: to pass over them would be to take a signature for longer than it says.
    if (!NEEDED.includes(name as 'keyId')) return 'parameter_unknown';
    if (parameters.has(name)) return 'parameter_repeated';
    parameters.set(name, value);
    isLast = end === '';
  }
  return parameters;
}
