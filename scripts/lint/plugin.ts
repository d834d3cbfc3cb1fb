/** The project's own lint rules, loaded by oxlint (see .oxlintrc.json). */
import { injectedTime } from './injected-time.ts';
import { layers } from './layers.ts';
import { moduleState } from './module-state.ts';
import { wholeTests } from './whole-tests.ts';

export default {
  meta: { name: 'gatewright' },
  rules: {
    layers,
    'injected-time': injectedTime,
    'module-state': moduleState,
    'whole-tests': wholeTests,
  },
};
