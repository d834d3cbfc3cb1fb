/** Runs one test of a file on a gateway of its own. */
import { dirname, resolve } from 'node:path';
import { pathOf } from '../../model/problem.ts';
import type { CaseHead, CaseRequest, CaseStep } from './case-types.ts';
import type { TestCase } from './case-file.ts';
import { answerMismatches, gatewayMismatches } from './expectations.ts';
import type { Mismatch } from './mismatch.ts';
import type { NodeScript } from '../node-script.ts';
import type { TestResult } from '../result.ts';
import type { Names } from '../scripted-names.ts';
import type { Stage } from '../stage.ts';
import type { RequestOptions } from '../test-client.ts';
import { gatewayOn, type TestGateway } from '../test-gateway.ts';

/** What was wrong, and where in the file it was expected. */
export interface Failure {
  readonly path: string;
  readonly message: string;
  readonly expected?: string;
  readonly came?: string;
  /** What was decided about the request, and why. */
  readonly explanation?: string;
}

export interface CaseSetting {
  /** Path of the file of tests. */
  readonly file: string;
  readonly head: CaseHead;
  /** Nobody else has it while the test runs. */
  readonly stage: Stage;
  /** Of `${{VARIABLE}}`. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Told the nodes that the file scripts, as far as the test called them. */
  readonly onUsed: (node: string) => void;
}

export interface CaseOutcome {
  readonly failures: readonly Failure[];
  /** Whether the stage can serve another test. */
  readonly isStageClean: boolean;
}

/** Never rejects. */
export async function runCase({ test, path }: TestCase, setting: CaseSetting): Promise<CaseOutcome> {
  const { head, stage, env } = setting;
  const upstreams = { ...head.upstreams, ...test.upstreams } as Record<string, NodeScript>;
  let gateway: TestGateway;
  try {
    gateway = gatewayOn(stage, {
      ...(Object.keys(upstreams).length > 0 && { upstreams }),
      names: { ...head.names, ...test.names } as Names,
      env,
      ...optional('seed', test.seed ?? head.seed),
      ...optional('now', test.now ?? head.now),
    });
  } catch (error) {
    await stage.close();
    return { failures: [{ path, message: messageOf(error) }], isStageClean: false };
  }
  gateway.keepsStage = true;
  const failures = await new CaseRun(gateway, setting).run(
    test.steps ?? [test],
    test.steps === undefined ? path : null,
    path,
  );
  const own = new Set(Object.keys(test.upstreams ?? {}));
  const unused = new Set(gateway.unusedScripts().map(({ node }) => node));
  for (const node of Object.keys(head.upstreams ?? {})) if (!unused.has(node)) setting.onUsed(node);
  const isStageClean = await stage.clean(gateway.touched);
  // What goes on after a failure says nothing about the scripts.
  if (failures.length > 0) return { failures, isStageClean };
  const uncalled = gateway
    .unusedScripts()
    .filter(({ node }) => own.has(node))
    .map(({ node, within, reason }) => ({
      path: `${pathOf(pathOf(path, 'upstreams'), node)}${within}`,
      message: `this script was ${reason}`,
    }));
  return { failures: uncalled, isStageClean };
}

const optional = <K extends string, V>(name: K, value: V | undefined) =>
  (value === undefined ? {} : { [name]: value }) as { readonly [P in K]?: V };

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

class CaseRun {
  private readonly gateway: TestGateway;
  private readonly setting: CaseSetting;

  constructor(gateway: TestGateway, setting: CaseSetting) {
    this.gateway = gateway;
    this.setting = setting;
  }

  /** Ends with the first step that fails: what follows would fail for its reason. @param only of a test without steps, its path */
  async run(steps: readonly CaseStep[], only: string | null, path: string): Promise<Failure[]> {
    let at = only ?? path;
    try {
      for (const [index, step] of steps.entries()) {
        at = only ?? pathOf(pathOf(path, 'steps'), index);
        const failures = await this.step(step, at);
        if (failures.length > 0) return failures;
      }
      at = path;
      await this.gateway.close();
      return [];
    } catch (error) {
      return [{ path: at, message: messageOf(error) }];
    } finally {
      await this.gateway.close().catch(() => {});
    }
  }

  private async step(step: CaseStep, path: string): Promise<Failure[]> {
    const { gateway } = this;
    if (step.request !== undefined) return this.request(step, step.request, path);
    if (step.advance !== undefined) await gateway.clock.advance(step.advance as number);
    else if (step.apply !== undefined) {
      const { apply } = step;
      await gateway.apply(typeof apply === 'string' ? resolve(dirname(this.setting.file), apply) : apply);
    } else for (const [name, script] of Object.entries((step.resolve ?? {}) as Names)) gateway.resolve(name, script);
    const { expect } = step;
    return expect === undefined
      ? []
      : gatewayMismatches(expect, gateway, pathOf(path, 'expect')).map((one) => failureOf(one, ''));
  }

  private async request(step: CaseStep, request: CaseRequest, path: string): Promise<Failure[]> {
    const { gateway } = this;
    const { times = 1, expect } = step;
    const [target, options] = readRequest(request);
    for (let round = 1; round <= times; round++) {
      let result: TestResult;
      try {
        result = await gateway.request(target, options);
      } catch (error) {
        return [{ path: pathOf(path, 'request'), message: messageOf(error) + inRound(round, times) }];
      }
      if (expect === undefined) continue;
      const at = pathOf(path, 'expect');
      const found = [...answerMismatches(expect, result, at), ...gatewayMismatches(expect, gateway, at)];
      if (found.length > 0) {
        const explanation = result.explain();
        return found.map((one, index) => failureOf(one, inRound(round, times), index === 0 ? explanation : undefined));
      }
    }
    return [];
  }
}

const inRound = (round: number, times: number): string => (times === 1 ? '' : ` (request ${round} of ${times})`);

function failureOf({ path, expected, came }: Mismatch, suffix: string, explanation?: string): Failure {
  const what = path.slice(path.lastIndexOf('expect'));
  const name = what === 'expect' ? 'status' : what.replace(/^expect\.?/, '');
  return {
    path,
    message: `${name} is not as expected${suffix}`,
    expected,
    came,
    ...(explanation === undefined ? {} : { explanation }),
  };
}

/** As `TestGateway.request` takes it. */
export function readRequest(request: CaseRequest): [target: string, options: RequestOptions] {
  if (typeof request === 'string') {
    const [first = '', second] = request.split(' ');
    return second === undefined ? [first, {}] : [second, { method: first }];
  }
  const { path, method, headers, body, json, pieces, from, port, tls, http_version, gives_up_after } = request;
  const options = {
    ...optional('method', method),
    ...optional('headers', headers === undefined ? undefined : textHeaders(headers)),
    ...optional('body', json === undefined ? (pieces ?? body) : JSON.stringify(json)),
    ...optional('from', from),
    ...optional('port', port),
    ...optional('tls', typeof tls === 'object' ? readTls(tls) : tls),
    ...optional('httpVersion', http_version),
    ...optional('givesUpAfter', gives_up_after),
  };
  return [
    path,
    (json === undefined
      ? options
      : { ...options, headers: { 'Content-Type': 'application/json', ...options.headers } }) as RequestOptions,
  ];
}

function textHeaders(headers: Readonly<Record<string, unknown>>): Record<string, string | string[]> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name, Array.isArray(value) ? value.map(String) : String(value)]),
  );
}

type WrittenTls = Extract<Exclude<CaseRequest, string>['tls'], object>;

function readTls({ server_name, protocol, certificate }: WrittenTls): RequestOptions['tls'] {
  const { subject, issuer, serial_number, fingerprint, is_trusted } = certificate ?? {};
  return {
    ...optional('serverName', server_name),
    ...optional('protocol', protocol),
    ...(certificate !== undefined && {
      certificate: {
        ...optional('subject', subject),
        ...optional('issuer', issuer),
        ...optional('serialNumber', serial_number),
        ...optional('fingerprint', fingerprint),
        ...optional('isTrusted', is_trusted),
      },
    }),
  };
}
