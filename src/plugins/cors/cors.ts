import { checkRegex, definePlugin, exchangeKey } from '../../sdk/index.ts';
import type { ConfigProblem, Exchange, ExchangeResponse, HostLog, Infer, Reply } from '../../sdk/index.ts';
import { eitherOf, originsLike, originsOf } from './origins.ts';
import type { OriginTest } from './origins.ts';
import { HEADER_NAMES, metadataSchema, PLAUSIBLE_ORIGIN, schema } from './schema.ts';

type Config = Infer<typeof schema>;
type Metadata = Infer<typeof metadataSchema> | undefined;

/** The client's Origin, '' without a usable one: plugins that run later may change what the upstream gets. */
const ORIGIN = exchangeKey<string>('cors origin');

const PREFLIGHT: Reply = Object.freeze({ status: 200 });
/** Characters of a client's list of headers that is sent back. */
const MAX_WANTED = 4096;
const ALL_METHODS = 'GET,POST,PUT,DELETE,PATCH,HEAD,OPTIONS';

const SAYS_ORIGIN = /(?:^|,)[ \t]*(?:\*|origin)[ \t]*(?:,|$)/i;

/** What an upstream could say against the configuration. */
const GOVERNED = [
  'Access-Control-Allow-Origin',
  'Access-Control-Allow-Credentials',
  'Access-Control-Allow-Methods',
  'Access-Control-Allow-Headers',
  'Access-Control-Max-Age',
  'Access-Control-Expose-Headers',
];

export default definePlugin({
  name: 'cors',
  priority: 4_000,
  kind: 'security',
  summary: 'Lets scripts of other websites use a route from within browsers (cross-origin resource sharing).',
  schema,
  metadataSchema,
  examples: [
    { title: 'Any website, without credentials', config: {} },
    {
      title: 'Two websites, with cookies',
      config: {
        allow_origins: 'https://app.example,https://admin.example:8443',
        allow_methods: 'GET,POST',
        allow_headers: 'Authorization,Content-Type',
        allow_credential: true,
      },
    },
    { title: 'All subdomains', config: { allow_origins_by_regex: ['^https://[a-z0-9-]+\\.app\\.example$'] } },
  ],
  check: (config) => [
    ...credentialProblems(config),
    ...regexProblems('allow_origins_by_regex', config.allow_origins_by_regex),
    ...regexProblems('timing_allow_origins_by_regex', config.timing_allow_origins_by_regex),
    ...choiceProblems(config),
  ],
  create(config, host, metadata) {
    const allowed = allowedOrigins(config, metadata as Metadata, host.log);
    if (allowed === 'any' && config.allow_credential) {
      throw new TypeError(
        'a list "*" of the plugin metadata is not possible beside allow_credential: name its origins, or write "**" to let in any',
      );
    }
    const timing = timingOrigins(config);
    const constant = constantFields(config);
    const isOriginAsked = allowed !== 'any' || (timing !== null && timing !== 'any');

    function allow(response: ExchangeResponse, origin: string, exchange: Exchange): void {
      response.setHeader('Access-Control-Allow-Origin', origin);
      for (const [name, value] of constant) {
        if (value === null) drop(response, name);
        else response.setHeader(name, value);
      }
      if (config.allow_methods === '**') response.setHeader('Access-Control-Allow-Methods', anyMethod(exchange));
      if (config.allow_headers === '**') anyHeaders(exchange);
    }

    return {
      rewrite(exchange) {
        const { request } = exchange;
        if (isOriginAsked) exchange.set(ORIGIN, originOf(exchange));
        // Any other OPTIONS request is the upstream's to answer.
        if (request.method !== 'OPTIONS' || request.header('access-control-request-method') === undefined) return;
        return request.header('origin') === undefined ? undefined : PREFLIGHT;
      },
      responseHead(exchange) {
        const { response } = exchange;
        const origin = isOriginAsked ? (exchange.get(ORIGIN) ?? originOf(exchange)) : '';
        if (allowed === 'any') allow(response, '*', exchange);
        else if (origin !== '' && allowed(origin)) allow(response, origin, exchange);
        else {
          for (const name of GOVERNED) drop(response, name);
        }
        if (timing !== null) allowTiming(response, timing, origin);
        if (isOriginAsked) varyByOrigin(response);
      },
    };
  },
});

/** Several Origin headers are none: whoever comes next might take another one of them. */
function originOf({ request }: Exchange): string {
  const origin = request.header('origin');
  if (origin === undefined || !PLAUSIBLE_ORIGIN.test(origin)) return '';
  return request.headerAll('origin').length === 1 ? origin : '';
}

function allowedOrigins(config: Config, metadata: Metadata, log: HostLog): OriginTest {
  const { allow_origins, allow_origins_by_regex, allow_origins_by_metadata } = config;
  if (allow_origins_by_regex !== undefined) return originsLike(allow_origins_by_regex);
  if (allow_origins_by_metadata === undefined) return originsOf(allow_origins);
  const lists = metadata?.allow_origins ?? {};
  const tests = allow_origins === '*' ? [] : [originsOf(allow_origins)];
  for (const name of allow_origins_by_metadata) {
    const list = Object.hasOwn(lists, name) ? lists[name] : undefined;
    // It may come later: until then it allows nobody.
    if (list === undefined) log.warn('cors_metadata_missing', { list: name });
    else tests.push(originsOf(list));
  }
  return eitherOf(tests);
}

function timingOrigins(config: Config): OriginTest | null {
  const { timing_allow_origins, timing_allow_origins_by_regex } = config;
  if (timing_allow_origins_by_regex !== undefined) return originsLike(timing_allow_origins_by_regex);
  return timing_allow_origins === undefined ? null : originsOf(timing_allow_origins);
}

/** Fields that an allowed origin gets, null for one that the upstream may not add. */
function constantFields(config: Config): [name: string, value: string | null][] {
  const { allow_methods, allow_headers, expose_headers, max_age, allow_credential } = config;
  const fields: [string, string | null][] = [
    ['Access-Control-Allow-Credentials', allow_credential ? 'true' : null],
    ['Access-Control-Allow-Methods', listed(allow_methods)],
    ['Access-Control-Allow-Headers', listed(allow_headers)],
    ['Access-Control-Max-Age', String(max_age)],
  ];
  if (expose_headers !== undefined) fields.push(['Access-Control-Expose-Headers', listed(expose_headers)]);
  return fields;
}

function listed(list: string): string | null {
  return list === '' || list === '**' ? null : list;
}

/** Beside credentials, `*` in these fields is a name of its own for browsers: what is wanted has to be named. */
function anyMethod({ request }: Exchange): string {
  const wanted = request.header('access-control-request-method');
  const isKnown = wanted === undefined || ALL_METHODS.split(',').includes(wanted);
  return isKnown || !HEADER_NAMES.test(wanted) ? ALL_METHODS : `${ALL_METHODS},${wanted}`;
}

function anyHeaders({ request, response }: Exchange): void {
  const wanted = request.header('access-control-request-headers');
  if (wanted !== undefined && wanted.length <= MAX_WANTED && HEADER_NAMES.test(wanted))
    response.setHeader('Access-Control-Allow-Headers', wanted);
}

/** To look first is cheaper: hardly an upstream says anything of this. */
function drop(response: ExchangeResponse, name: string): void {
  if (response.header(name) !== undefined) response.removeHeader(name);
}

function allowTiming(response: ExchangeResponse, timing: OriginTest, origin: string): void {
  if (timing === 'any') response.setHeader('Timing-Allow-Origin', '*');
  else if (origin !== '' && timing(origin)) response.setHeader('Timing-Allow-Origin', origin);
  else drop(response, 'Timing-Allow-Origin');
}

/** Caches must not answer one origin with what another one got. */
function varyByOrigin(response: ExchangeResponse): void {
  const isSaid =
    response.header('vary') !== undefined && response.headerAll('vary').some((value) => SAYS_ORIGIN.test(value));
  if (!isSaid) response.addHeader('Vary', 'Origin');
}

function credentialProblems(config: Config): ConfigProblem[] {
  if (!config.allow_credential) return [];
  const { allow_origins, allow_methods, allow_headers, expose_headers } = config;
  // Where other attributes name the origins, nobody looks at this one.
  const isReplaced = config.allow_origins_by_regex !== undefined || config.allow_origins_by_metadata !== undefined;
  const values = { allow_origins: isReplaced ? '' : allow_origins, allow_methods, allow_headers, expose_headers };
  return Object.entries(values).flatMap(([path, value]) => {
    const otherwise = path === 'expose_headers' ? '' : ', or write "**" to allow any';
    const message = `"*" is not possible beside allow_credential: name what is allowed${otherwise}`;
    return value === '*' ? [{ path, message }] : [];
  });
}

function regexProblems(name: string, patterns: readonly string[] = []): ConfigProblem[] {
  return patterns.flatMap((pattern, i) => {
    const message = checkRegex(pattern);
    return message === null ? [] : [{ path: `${name}[${i}]`, message }];
  });
}

/** What would be ignored is refused. */
function choiceProblems(config: Config): ConfigProblem[] {
  const problems: ConfigProblem[] = [];
  if (config.allow_origins_by_regex !== undefined && config.allow_origins_by_metadata !== undefined) {
    const message = 'with allow_origins_by_regex the patterns alone decide: leave out one of the two';
    problems.push({ path: 'allow_origins_by_metadata', message });
  }
  return problems;
}
