/** docs/first-project.md with the Node.js that the project is developed on, from the tarball that npm would publish. */
import { walkGuide } from './walk-guide.ts';

walkGuide(process.execPath);
