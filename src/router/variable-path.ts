/** Names of the variables that a request's body gives, taken apart. */

const GRAPHQL: readonly string[] = ['graphql_operation', 'graphql_name', 'graphql_root_fields'];

/** A step into a JSON value: the name of a member, an index, or ALL elements of a list. */
export type PathStep = string | number;
export const ALL = -1;

/** What JSONPath can do beyond members and elements: recursive descent, filters, scripts, slices, unions. */
const BEYOND = /\.\.|^\.|\.$|\.\[|\[[?(]|\[[^\]]*[:,]|^\$/;

/** What is wrong with the name of a variable that `isBodyVariable`, null if nothing is. */
export function checkBodyVariable(name: string): string | null {
  if (name.startsWith('graphql_')) {
    return GRAPHQL.includes(name) ? null : `there is no variable "${name}": use ${GRAPHQL.join(', ')}`;
  }
  const argument = postArgument(name);
  return argument === '' || BEYOND.test(argument)
    ? `"${name}" names nothing in a body: write members as post_arg.a.b, elements as [0], all of them as [*]`
    : null;
}

/** What follows `post_arg.` or `post_arg_`: the name of a form field, or a path into a JSON value. */
export function postArgument(name: string): string {
  return name.slice('post_arg.'.length);
}

/** `messages[*].type` as steps; a bracket that holds no index is part of a name. */
export function stepsOf(path: string): PathStep[] {
  const steps: PathStep[] = [];
  for (const part of path.split('.')) {
    const brackets = /^([^[\]]*)((?:\[(?:\d{1,9}|\*)\])+)$/.exec(part);
    if (brackets === null) {
      steps.push(part);
      continue;
    }
    if (brackets[1] !== '') steps.push(brackets[1]);
    for (const [, index] of brackets[2].matchAll(/\[(\d+|\*)\]/g)) steps.push(index === '*' ? ALL : Number(index));
  }
  return steps;
}
