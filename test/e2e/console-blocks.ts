/** One command of a page's console block, and what the page says that it prints. */
export interface ConsoleCommand {
  /** Line of the page, from 1. */
  readonly line: number;
  readonly command: string;
  readonly output: string;
}

/** The commands of all ```console blocks: a line after "$ ", continued by lines after "> "; the rest is its output. */
export function consoleCommands(page: string): ConsoleCommand[] {
  const commands: { line: number; command: string; output: string }[] = [];
  let isInside = false;
  for (const [index, line] of page.split('\n').entries()) {
    if (line.startsWith('```')) {
      isInside = line === '```console';
      continue;
    }
    if (!isInside) continue;
    const last = commands.at(-1);
    if (line.startsWith('$ ')) commands.push({ line: index + 1, command: line.slice(2), output: '' });
    else if (last === undefined) throw new Error(`line ${index + 1}: output without a command`);
    else if (line.startsWith('> ') && last.output === '') last.command += `\n${line.slice(2)}`;
    else last.output += `${line}\n`;
  }
  return commands;
}
