// The publishing form: the manifest is signed here, then the work is announced, sent in parts, and published.

import { sha256, toHex, utf8 } from './bytes.js';
import { signedFetch } from './http-signature.js';
import { identityFetch } from './identity.js';
import { manifestSign } from './manifest.js';
import { element } from './page.js';
import { formRun } from './problem.js';

/** @typedef {import('./identity.js').Identity} Identity */
/** @typedef {import('./bytes.js').Bytes} Bytes */

const form = element('publish', HTMLFormElement);
const status = element('status', HTMLElement);
const PART_BYTES = 1024 * 1024;

/** @param {string} name */
function text(name) {
  const value = new FormData(form).get(name);
  return typeof value === 'string' ? value.trim() : '';
}

/** @returns {Promise<{ bytes: Bytes, format: string, mediaType: string, fileName: string | undefined }>} */
async function work() {
  const file = element('file', HTMLInputElement).files?.[0];
  if (file !== undefined) {
    const bytes = new Uint8Array(await file.arrayBuffer());
    const mediaType = file.type === '' ? 'application/octet-stream' : file.type;
    return { bytes, format: 'file', mediaType, fileName: file.name };
  }
  const bytes = utf8(text('text'));
  if (bytes.length === 0) {
    throw new Error('Write an article, or choose a file.');
  }
  return { bytes, format: 'markdown', mediaType: 'text/markdown', fileName: undefined };
}

/** @param {Identity} identity @param {string} id @param {Bytes} bytes */
async function send(identity, id, bytes) {
  let offset = 0;
  while (offset < bytes.length) {
    const part = bytes.slice(offset, offset + PART_BYTES);
    const path = `/publisher/api/content/${id}/bytes?offset=${offset}`;
    const sent = await signedFetch(identity, { method: 'PUT', path, body: part });
    offset = sent.complete ? bytes.length : sent.received;
    status.textContent = `${Math.round((100 * offset) / bytes.length)} % are sent…`;
  }
}

async function publish() {
  const identity = await identityFetch(form.dataset['did'] ?? '');
  if (identity === undefined) {
    throw new Error('You are signed in, but your key is not in this browser, so it cannot sign the work. ' +
      'Use the browser that holds it, or sign in again with your key file.');
  }
  const { bytes, format, mediaType, fileName } = await work();
  const price = text('price');
  const isFree = price === '' || Number(price) === 0;
  const manifest = await manifestSign(identity, {
    title: text('title'),
    kind: format === 'file' ? mediaType.split('/')[0] ?? 'file' : 'article',
    bytes,
    mediaType,
    ...(isFree ? {} : { price, currency: text('currency').toUpperCase() }),
  });
  await signedFetch(identity, { method: 'POST', path: '/publisher/api/fair', body: manifest });
  const announced = {
    manifest: manifest.id,
    title: text('title'),
    summary: text('summary'),
    preview: text('preview'),
    format,
    ...(format === 'file' ? { mediaType, fileName } : {}),
    sha256: toHex(await sha256(bytes)),
    size: bytes.length,
  };
  const made = await signedFetch(identity, { method: 'POST', path: '/publisher/api/content', body: announced });
  await send(identity, made.id, bytes);
  const path = `/publisher/api/content/${made.id}/publish`;
  await signedFetch(identity, { method: 'POST', path, body: null });
  location.assign(`/read/${made.id}`);
}

form.addEventListener('submit', (event) => {
  event.preventDefault();
  void formRun(form, status, 'Signing your work…', publish);
});
