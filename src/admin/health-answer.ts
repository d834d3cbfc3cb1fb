/** `/v1/healthcheck` of the Control API, as its page in APISIX's documentation describes it: JSON, and a page for browsers. */

export interface HealthAnswer {
  readonly status: number;
  readonly contentType: 'application/json' | 'text/html; charset=utf-8';
  readonly text: string;
}

/** The health of one upstream's nodes. */
export interface UpstreamHealthReport {
  /** Kind and id of the object that owns it, such as `routes/1`. */
  readonly key: string;
  readonly type: string;
  readonly nodes: readonly {
    readonly hostname: string;
    readonly ip: string;
    readonly port: number;
    readonly status: string;
    readonly counter: Readonly<Record<'success' | 'tcp_failure' | 'http_failure' | 'timeout_failure', number>>;
  }[];
}

const PATH = '/v1/healthcheck';
const SOURCES: ReadonlySet<string> = new Set(['routes', 'services', 'upstreams']);

/** Null: the path is not of this API. `reports` is asked only where it is. */
export function answerHealthcheck(
  path: string,
  accept: string | undefined,
  reports: () => readonly UpstreamHealthReport[],
): HealthAnswer | null {
  if (path !== PATH && !path.startsWith(`${PATH}/`)) return null;
  const wantsPage = accept !== undefined && /\btext\/html\b/.test(accept);
  if (path === PATH || path === `${PATH}/`) {
    const all = reports().map(describe);
    return wantsPage ? page(all) : json(200, all);
  }
  const [source = '', id = '', ...rest] = path.slice(PATH.length + 1).split('/');
  if (!SOURCES.has(source))
    return json(400, { error_msg: `invalid src type ${source}: routes, services or upstreams` });
  const key = `${source}/${decoded(id)}`;
  const report = rest.length > 0 ? undefined : reports().find((one) => one.key === key);
  if (report === undefined) return json(404, { error_msg: `no health check of ${source}/${id}` });
  return wantsPage ? page([describe(report)]) : json(200, describe(report));
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function describe({ key, type, nodes }: UpstreamHealthReport): Described {
  return { name: `/apisix/${key}`, type, nodes };
}

type Described = Pick<UpstreamHealthReport, 'type' | 'nodes'> & { readonly name: string };

function json(status: number, value: unknown): HealthAnswer {
  return { status, contentType: 'application/json', text: `${JSON.stringify(value)}\n` };
}

const HEADINGS = ['upstream', 'check', 'host', 'port', 'status', 'success', 'TCP', 'HTTP', 'timeout'];

function page(reports: readonly Described[]): HealthAnswer {
  const rows = reports.flatMap(({ name, type, nodes }) =>
    nodes.map(({ hostname, ip, port, status, counter }) =>
      row('td', [
        name,
        type,
        hostname === ip ? ip : `${hostname} (${ip})`,
        port,
        status,
        counter.success,
        counter.tcp_failure,
        counter.http_failure,
        counter.timeout_failure,
      ]),
    ),
  );
  const text = `<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Health checks</title></head><body>
<h1>Health checks</h1>
<table>
${[row('th', HEADINGS), ...rows].join('\n')}
</table>
</body></html>
`;
  return { status: 200, contentType: 'text/html; charset=utf-8', text };
}

function row(tag: 'td' | 'th', cells: readonly (string | number)[]): string {
  return `<tr>${cells.map((cell) => `<${tag}>${escaped(String(cell))}</${tag}>`).join('')}</tr>`;
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (sign) => ENTITIES[sign] ?? '');
}
