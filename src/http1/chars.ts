/** Character classes of RFC 9110 §5.6.2 and RFC 9112, as tables of 256 flags. */

function table(isMember: (code: number) => boolean): Uint8Array {
  const flags = new Uint8Array(256);
  for (let code = 0; code < 256; code++) flags[code] = isMember(code) ? 1 : 0;
  return flags;
}

const TOKEN_CHARACTERS = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/** `tchar`: methods, field names, transfer codings. */
export const TOKEN = table((code) => TOKEN_CHARACTERS.includes(String.fromCharCode(code)));

/** `field-vchar`, `obs-text`, space and tab: what a field value may hold. No CR, LF, NUL or other control. */
export const VALUE = table((code) => (code >= 0x20 && code !== 0x7f) || code === 0x09);

/** In `TARGET`: a character of which a path has one spelling wherever it stands. */
const PLAIN_CHARACTER = 1;
/** In `TARGET`, as a further bit: a character whose spelling in a path has to be looked at. */
export const SUSPECT = 2;

/** Visible ASCII: what a request target may hold before its form is looked at. */
export const TARGET = Uint8Array.from({ length: 256 }, (_, code) => {
  if (code <= 0x20 || code >= 0x7f) return 0;
  const isPlain = /[\w~!$&'()*+,;=:@?/-]/.test(String.fromCharCode(code));
  return isPlain ? PLAIN_CHARACTER : PLAIN_CHARACTER | SUSPECT;
});

export const CR = 13;
export const LF = 10;
export const SPACE = 32;
export const SLASH = 47;
export const TAB = 9;
export const COLON = 58;
export const SEMICOLON = 59;
export const HYPHEN = 45;
export const UNDERSCORE = 95;

/**
 * Whether the bytes at `at` spell `name`, which is lower case. The bytes must be token characters already: then
 * OR-ing 0x20 maps only letters to letters, and nothing else onto a hyphen.
 */
export function spells(bytes: Uint8Array, at: number, name: string): boolean {
  for (let k = 0; k < name.length; k++) {
    if ((bytes[at + k] | 0x20) !== name.charCodeAt(k)) return false;
  }
  return true;
}
