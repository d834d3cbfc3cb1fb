/**
 * JSON as people's shells write it: APISIX's documentation puts certificates into the body with `"$(cat server.crt)"`, which
 * leaves their line breaks bare inside of the string. RFC 8259 §7 wants control characters escaped; what they mean is plain.
 */

/** Throws SyntaxError. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    const escaped = withEscapedControls(text);
    if (escaped === text) throw error;
    return JSON.parse(escaped);
  }
}

/** The text with control characters inside of strings escaped; those between values are left as they are. */
function withEscapedControls(text: string): string {
  let escaped = '';
  let from = 0;
  let isInside = false;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) isInside = !isInside;
    else if (isInside && code === BACKSLASH) at++;
    else if (isInside && code < SPACE) {
      escaped += `${text.slice(from, at)}\\u${code.toString(16).padStart(4, '0')}`;
      from = at + 1;
    }
  }
  return escaped === '' ? text : escaped + text.slice(from);
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const SPACE = 0x20;
