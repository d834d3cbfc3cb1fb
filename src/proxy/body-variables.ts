import type { BodyVariables, VariableValue } from '../router/variable-source.ts';

/** The variables that a request body gives to predicates. @param content null if it was too long to be looked at */
export function bodyVariables(content: Buffer | null, contentType: string | undefined): BodyVariables {
  const arguments_ =
    content === null ? new Map<string, VariableValue>() : readArguments(content.toString('utf8'), contentType ?? '');
  return { value: (name) => arguments_.get(name) };
}

function readArguments(text: string, contentType: string): Map<string, VariableValue> {
  void text;
  void contentType;
  return new Map();
}
