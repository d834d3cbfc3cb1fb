/** What a thread of the gateway begins with: it has the plugins that there are. */
import { enableCompileCache } from 'node:module';
import { ALL_PLUGINS } from '../plugins/all.ts';
import { runThread } from '../threads/thread.ts';

enableCompileCache();
await runThread(ALL_PLUGINS);
