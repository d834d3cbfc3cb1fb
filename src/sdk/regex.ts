/**
 * Regular expressions that come from a configuration, in time linear in the text: a plugin that runs them as V8's `RegExp`
 * lets one request hold a worker for minutes. Check in `check`, compile in `create`.
 */
export { checkRegex, compileRegex } from '../router/regex.ts';
export type { Regex, RegexMatch, RegexOptions } from '../router/regex.ts';
