/** Where the conditions of an expression get the values of their variables. */

/** Anything but a string comes from a body: `graphql_root_fields`, `post_arg.*` of a JSON body. */
export type VariableValue =
  | string
  | number
  | boolean
  | null
  | undefined
  | readonly VariableValue[]
  | { readonly [member: string]: VariableValue };

export interface VariableSource {
  /**
   * The value of a variable (`arg_x`, `http_x`, `cookie_x`, `uri`, …), undefined if the request has none. Names of header
   * variables arrive as nginx writes them: lower case, with underscores.
   */
  variable(name: string): string | undefined;
  /** What the request's body gives, undefined until it is there. */
  readonly body?: BodyVariables | undefined;
}

export interface BodyVariables {
  /** The value of a variable that `isBodyVariable`, undefined if the body has none. */
  value(name: string): VariableValue;
}

/** True for variables whose values come from the request's body: `post_arg.*`, `post_arg_*`, `graphql_*`. */
export function isBodyVariable(name: string): boolean {
  return name.startsWith('post_arg.') || name.startsWith('post_arg_') || name.startsWith('graphql_');
}
