/** The query without every argument named `name`; the rest stays as it was written. */
export function withoutArgument(query: string, name: string): string {
  return query
    .split('&')
    .filter((pair) => nameOf(pair) !== name)
    .join('&');
}

function nameOf(pair: string): string {
  const equals = pair.indexOf('=');
  const raw = (equals < 0 ? pair : pair.slice(0, equals)).replaceAll('+', ' ');
  try {
    return decodeURIComponent(raw);
  } catch {
    return raw;
  }
}
