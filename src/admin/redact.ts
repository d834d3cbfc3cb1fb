/** Objects without their secrets, for viewers and for the audit log. */
import type { PluginRegistry } from '../compile/plugins.ts';
import type { Kind } from '../model/object-set.ts';
import { Secrets } from '../model/secrets.ts';
import type { JsonObject } from './view.ts';

/** Stands where a secret was. */
export const HIDDEN = '***';

export class Redactor {
  private readonly secrets: Secrets;

  constructor(plugins: PluginRegistry) {
    this.secrets = new Secrets((name) => plugins.get(name)?.definition);
  }

  /** A copy with every text hidden that a schema calls secret; of plugins that nobody knows, every text. */
  redact(kind: Kind, id: string, value: JsonObject): JsonObject {
    if (kind !== 'plugin_metadata') return this.secrets.replace(kind, value, hide);
    const { id: _id, ...shown } = this.secrets.replace(kind, { ...value, id }, hide);
    return value['id'] === undefined ? shown : { ...shown, id };
  }
}

/** A reference to a secret is none itself. */
function hide(text: string): string {
  return /^\$(?:env|secret):\/\//i.test(text) ? text : HIDDEN;
}
