/** Attributes of cors. */
import type { Schema } from '../../sdk/index.ts';

const ORIGIN = String.raw`(?:null|[A-Za-z][A-Za-z0-9+.-]*://[^\s,*/?#@]+)`;
const TOKEN = String.raw`[!#$%&'+.^_|~0-9A-Za-z\u0060-]+`;

const listOf = (item: string): string => `${item}(?: *, *${item})*`;

/** Whether a client's Origin header can be one: what is echoed into a response is nothing else. */
export const PLAUSIBLE_ORIGIN = new RegExp(`^(?:null|[A-Za-z][A-Za-z0-9+.-]*://[\\x21-\\x2b\\x2d-\\x7e]{1,512})$`);
/** Whether a client's list of header names can be one. */
export const HEADER_NAMES = new RegExp(`^${listOf(TOKEN)}$`);

const ORIGINS = {
  type: 'string',
  pattern: `^(?:\\*{1,2}|${listOf(ORIGIN)})$`,
  remedy:
    'is no list of origins: write "*", or origins such as https://a.example:8443 with commas between, each without path and slash at its end; whole domains go into a list by_regex',
} as const satisfies Schema;

const REGEXES = {
  type: 'array',
  minItems: 1,
  items: { type: 'string', minLength: 1, maxLength: 4096 },
} as const satisfies Schema;

export const schema = {
  type: 'object',
  properties: {
    allow_origins: {
      ...ORIGINS,
      default: '*',
      description:
        'Origins that may read responses, with commas between; * is any, ** is any with credentials too, which lets every website act for its visitors.',
    },
    allow_methods: {
      type: 'string',
      pattern: `^(?:\\*{1,2}|${listOf(TOKEN)})?$`,
      remedy: 'is no list of methods: write "*", or methods with commas between',
      default: '*',
      description: 'Methods that scripts of those origins may use; * is any, ** is any with credentials too.',
    },
    allow_headers: {
      type: 'string',
      pattern: `^(?:\\*{1,2}|${listOf(TOKEN)})?$`,
      remedy: 'is no list of header names: write "*", or names with commas between',
      default: '*',
      description: 'Request headers that scripts of those origins may set; * is any, ** is any with credentials too.',
    },
    expose_headers: {
      type: 'string',
      pattern: `^(?:\\*|${listOf(TOKEN)})?$`,
      remedy: 'is no list of header names: write "*", or names with commas between',
      description: 'Response headers that scripts may read; without it, what the upstream says about that stays.',
    },
    max_age: {
      type: 'integer',
      minimum: -1,
      default: 5,
      description: 'How long a browser may keep the answer to a preflight request, in seconds; -1 is not at all.',
    },
    allow_credential: {
      type: 'boolean',
      default: false,
      description: 'Whether requests may carry cookies and the like. Then no attribute may be *.',
    },
    allow_origins_by_regex: {
      ...REGEXES,
      description: 'Patterns that an origin must contain a match of, one of them; allow_origins is not looked at then.',
    },
    allow_origins_by_metadata: {
      type: 'array',
      minItems: 1,
      items: { type: 'string', minLength: 1, maxLength: 4096 },
      description:
        'Names of lists in the allow_origins of the plugin metadata. They stand beside allow_origins, or in its place if that is *.',
    },
    timing_allow_origins: {
      ...ORIGINS,
      description: 'Origins that may read how long a resource took, with commas between; * is any.',
    },
    timing_allow_origins_by_regex: {
      ...REGEXES,
      description: 'Patterns of such origins; timing_allow_origins is not looked at then.',
    },
  },
} as const satisfies Schema;

export const metadataSchema = {
  type: 'object',
  properties: {
    allow_origins: {
      type: 'object',
      additionalProperties: ORIGINS,
      description: 'Lists of origins by name, each as the attribute allow_origins, for allow_origins_by_metadata.',
    },
  },
} as const satisfies Schema;
