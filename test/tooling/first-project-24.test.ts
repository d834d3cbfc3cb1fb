/** docs/first-project.md with the oldest Node.js that the package runs on. */
import { it } from 'node:test';
import { requireProgram } from '../require-program.ts';
import { walkGuide } from './walk-guide.ts';

const program = requireProgram({ skip: () => undefined }, 'node24');
if (program !== undefined) walkGuide(program);
else it('needs a program', (t) => void requireProgram(t, 'node24'));
