/** Colours, where somebody looks at a terminal. */
export type Colour = 'red' | 'green' | 'yellow' | 'cyan' | 'grey' | 'bold';

const CODES: Readonly<Record<Colour, number>> = { red: 31, green: 32, yellow: 33, cyan: 36, grey: 90, bold: 1 };

export type Paint = (colour: Colour, text: string) => string;

/** @param hasColours see `wantsColours` */
export function painter(hasColours: boolean): Paint {
  return hasColours ? (colour, text) => `\u001b[${CODES[colour]}m${text}\u001b[0m` : (_colour, text) => text;
}

/** Only on a terminal, and not where `NO_COLOR` is set (https://no-color.org) or the terminal is a dumb one. */
export function wantsColours(isTerminal: boolean, env: Readonly<Record<string, string | undefined>>): boolean {
  return isTerminal && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb';
}
