// The one text of a JSON value (RFC 8785), so that everybody signs the same bytes.

/**
 * The canonical text of JSON (RFC 8785): members by their UTF-16 code units; numbers and strings are written as
 * ECMAScript writes them, which is what the RFC took its rules from.
 * @param {unknown} value
 * @returns {string}
 */
export function canonical(value) {
  if (Array.isArray(value)) {
    return `[${value.map(canonical).join(',')}]`;
  }
  if (value !== null && typeof value === 'object') {
    const members = Object.entries(value).filter(([, member]) => member !== undefined);
    members.sort(([one], [other]) => (one < other ? -1 : 1));
    return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`).join(',')}}`;
  }
  return JSON.stringify(value);
}
