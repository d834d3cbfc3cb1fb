/** Our reading of a message beside Node.js's. */
import type { ClientRun } from './client-run.ts';
import type { NodeResponse } from './node-client.ts';
import type { NodeRequest, NodeVerdict } from './node-server.ts';
import type { SeenRequest, ServerRun } from './server-run.ts';

/**
 * `same`: both read the same messages. `refuse`: we stop, or answer with an error, at one that Node.js takes. `accept`:
 * we take one that Node.js stops at. `differ`: both take one and read different things in it, which is never right.
 */
export type Comparison = 'same' | 'refuse' | 'accept' | 'differ';

/** Whether its head was fine for the parser, and then we did not want its method, target or Host. */
function isUnwanted({ fault, isComplete }: SeenRequest): boolean {
  return !isComplete && (fault === 'method_not_implemented' || fault === 'bad_target' || fault === 'bad_host');
}

export function compareRequests(run: ServerRun, verdict: NodeVerdict): Comparison {
  const ours = run.requests.filter((request) => request.isComplete || isUnwanted(request));
  const theirs = verdict.requests.filter(({ isComplete }) => isComplete);
  let hasRefused = false;
  for (const [index, our] of ours.entries()) {
    const their = theirs[index];
    if (their === undefined) return isUnwanted(our) ? 'same' : 'accept';
    if (isUnwanted(our)) hasRefused = true;
    if (!agree(our, their)) return 'differ';
  }
  return hasRefused || theirs.length > ours.length ? 'refuse' : 'same';
}

function agree(our: SeenRequest, their: NodeRequest): boolean {
  const isSameStart = our.method === their.method && our.target === their.target;
  return isSameStart && isSameFields(our.fields, their.fields) && (isUnwanted(our) || our.body === their.body);
}

type Fields = readonly (readonly [string, string])[];

function isSameFields(ours: Fields, theirs: Fields): boolean {
  return JSON.stringify(ours) === JSON.stringify(theirs);
}

export function compareResponse(run: ClientRun, verdict: NodeResponse): Comparison {
  const { response } = run;
  if (!run.isComplete || response === null) return verdict.isComplete ? 'refuse' : 'same';
  if (!verdict.isComplete) return 'accept';
  const isSame =
    response.status === verdict.status &&
    response.body === verdict.body &&
    isSameFields(response.fields, verdict.fields);
  return isSame ? 'same' : 'differ';
}
