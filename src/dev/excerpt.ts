/** Problems as a compiler prints them: the place, what is wrong and would be right, and the line with a mark under it. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parseDocument, type Place } from '../config/document.ts';
import { substitute } from '../config/environment.ts';
import type { Environment } from '../config/environment.ts';
import type { Problem } from '../model/problem.ts';
import type { Paint } from './paint.ts';

export interface ExcerptOptions {
  /** The configuration file. */
  readonly file: string;
  /** Names are shortened to this folder. */
  readonly cwd: string;
  readonly env: Environment;
  readonly paint: Paint;
}

const MOST_PROBLEMS = 20;
const MOST_COLUMNS = 120;

/** All of them, each with its lines, and a last line that counts them. */
export function problemText(problems: readonly Problem[], options: ExcerptOptions): string {
  const { paint } = options;
  const source = new Source(options);
  const shown = problems.slice(0, MOST_PROBLEMS).map((problem) => `${source.show(problem)}\n`);
  const rest = problems.length - shown.length;
  const count = problems.length === 1 ? '1 problem' : `${problems.length} problems`;
  return `${shown.join('')}${paint('red', rest > 0 ? `${count}, of which ${rest} are not shown` : count)}\n`;
}

class Source {
  private readonly options: ExcerptOptions;
  private readonly text: string;
  private readonly document;

  constructor(options: ExcerptOptions) {
    this.options = options;
    this.text = read(options.file);
    const isDocument = /\.(?:ya?ml|json)$/.test(options.file);
    const format = options.file.endsWith('.json') ? 'json' : 'yaml';
    this.document = isDocument ? parseDocument(substitute(this.text, options.env).text, format) : null;
  }

  show(problem: Problem): string {
    const { file, paint } = this.options;
    const inPlugin = this.pluginPlace(problem);
    const place = inPlugin?.place ?? this.placeOf(problem);
    const text = inPlugin === null ? this.text : read(inPlugin.file);
    const name = this.nameOf(inPlugin?.file ?? file);
    const at = place === null ? name : `${name}:${place.line}:${place.column}`;
    const subject = problem.path === '' || inPlugin !== null ? '' : `${problem.path}: `;
    const head = `${paint('bold', `${at}:`)} ${paint('red', 'error:')} ${subject}${printable(problem.message)}\n`;
    return place === null ? head : head + this.lineWithMark(text, place);
  }

  private nameOf(file: string): string {
    const name = path.relative(this.options.cwd, file);
    return name.startsWith('..') || name === '' ? file : name;
  }

  private placeOf({ path: at, code, line }: Problem): Place | null {
    const part = code === 'unknown_attribute' || code === 'missing_attribute' ? 'key' : 'value';
    const place = at === '' ? undefined : this.document?.placeOf(at, part);
    if (place !== undefined) return place;
    return line === undefined ? null : { line, column: firstColumn(this.text, line) };
  }

  /** A file of a plugin that cannot be loaded says at which of its lines. */
  private pluginPlace({ path: at, value, message }: Problem): { readonly file: string; readonly place: Place } | null {
    if (!/^gateway\.plugin_files\[\d+\]$/.test(at) || typeof value !== 'string') return null;
    const line = Number(/\(line (\d+)\)/.exec(message)?.[1] ?? 0);
    if (line === 0) return null;
    return { file: value, place: { line, column: firstColumn(read(value), line) } };
  }

  private lineWithMark(text: string, { line, column }: Place): string {
    const whole = text.split('\n')[line - 1];
    if (whole === undefined) return '';
    // Where the environment was put in, the column may lie beyond what is written.
    const at = Math.min(column, whole.length + 1);
    const from = at > MOST_COLUMNS ? at - 40 : 0;
    const shown = printable(whole.slice(from, from + MOST_COLUMNS));
    const number = String(line);
    const gutter = `  ${number} | `;
    const { paint } = this.options;
    const mark = `${' '.repeat(gutter.length - 2)}| ${' '.repeat(at - 1 - from)}${paint('red', '^')}`;
    return `${gutter}${shown}\n${mark}\n`;
  }
}

function firstColumn(text: string, line: number): number {
  return ((text.split('\n')[line - 1] ?? '').search(/\S/) + 1 || 1) satisfies number;
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8').replaceAll('\r\n', '\n');
  } catch {
    return '';
  }
}

/** What stands in a file must not speak to the terminal. */
export function printable(text: string): string {
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, ' ');
}
