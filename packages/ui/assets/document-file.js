// A file that a leader chooses, as a document that questions are answered from.

/** @type {Record<string, string>} */
const KINDS = {
  md: 'text/markdown',
  markdown: 'text/markdown',
  txt: 'text/plain',
  text: 'text/plain',
  html: 'text/html',
  htm: 'text/html',
  xhtml: 'text/html',
};

/** A node takes a document of about a megabyte: as JSON it becomes longer, up to twice that. */
const BYTES_MAX = 1_048_576;

/**
 * What a file says, and what it is by its name.
 * @param {string} name
 * @param {ArrayBuffer | Uint8Array<ArrayBuffer>} bytes
 * @returns {{ title: string, mediaType: string, text: string }}
 */
export function documentOf(name, bytes) {
  const [, stem, extension] = /^(.*)\.([^.]+)$/u.exec(name) ?? [name, name, ''];
  const mediaType = KINDS[(extension ?? '').toLowerCase()];
  if (mediaType === undefined) {
    throw new Error(`${name} is neither Markdown (.md), text (.txt) nor HTML (.html). ` +
      'A PDF is read by the command line: imajin docs add.');
  }
  if (bytes.byteLength > BYTES_MAX) {
    throw new Error(`${name} is larger than a megabyte: add it in parts.`);
  }
  try {
    return { title: stem ?? name, mediaType, text: new TextDecoder('utf-8', { fatal: true }).decode(bytes) };
  } catch {
    throw new Error(`${name} is not written in UTF-8: save it as UTF-8, and choose it again.`);
  }
}
