// Requests that carry a proof: HTTP Message Signatures (RFC 9421) with an Ed25519 key, over the method, the whole
// address, the digest of the body (RFC 9530) and the idempotency key.

import { sha256, toBase64, toHex, utf8 } from './bytes.js';
import { clockLearn, nodeNow } from './clock.js';
import { keySign } from './keys.js';
import { ProblemError, answerRead } from './problem.js';

/** @typedef {import('./identity.js').Identity} Identity */
/** @typedef {import('./bytes.js').Bytes} Bytes */

/**
 * @typedef {object} SignedRequest
 * @property {'POST' | 'PUT' | 'DELETE'} method
 * @property {string} path path and query on this node
 * @property {unknown} body sent as JSON; bytes are sent as they are
 * @property {string} [idempotencyKey]
 */

/**
 * @param {Pick<Identity, 'did' | 'privateKey'>} identity
 * @param {SignedRequest} request
 * @returns {Promise<Request>}
 */
async function requestSign(identity, request) {
  const isBytes = request.body instanceof Uint8Array;
  const body = isBytes ? /** @type {Bytes} */ (request.body) : utf8(JSON.stringify(request.body));
  const target = new URL(request.path, location.origin).href;
  /** @type {[string, string][]} */
  const covered = [
    ['@method', request.method],
    ['@target-uri', target],
    ['content-digest', `sha-256=:${toBase64(await sha256(body))}:`],
  ];
  if (request.idempotencyKey !== undefined) {
    covered.push(['idempotency-key', request.idempotencyKey]);
  }
  const created = Math.floor(nodeNow() / 1000);
  const nonce = toHex(crypto.getRandomValues(new Uint8Array(16)));
  const names = covered.map(([name]) => `"${name}"`).join(' ');
  const params = `(${names});created=${created};keyid="${identity.did}";nonce="${nonce}";alg="ed25519"`;
  const base = [...covered.map(([name, value]) => `"${name}": ${value}`), `"@signature-params": ${params}`].join('\n');
  const signature = await keySign(identity.privateKey, utf8(base));
  const headers = new Headers({
    'content-type': isBytes ? 'application/octet-stream' : 'application/json',
    'signature-input': `sig1=${params}`,
    signature: `sig1=:${toBase64(signature)}:`,
  });
  covered.filter(([name]) => !name.startsWith('@')).forEach(([name, value]) => headers.set(name, value));
  return new Request(target, { method: request.method, headers, body, credentials: 'same-origin', cache: 'no-store' });
}

/**
 * Sends a signed request and answers the JSON of a success, null if it has none; a refusal is thrown as a
 * `ProblemError`. When the node calls the signature stale, the request is signed once more with the node's own time.
 * @param {Pick<Identity, 'did' | 'privateKey'>} identity
 * @param {SignedRequest} request
 * @returns {Promise<any>}
 */
export async function signedFetch(identity, request) {
  const first = await fetch(await requestSign(identity, request));
  clockLearn(first);
  try {
    return await answerRead(first);
  } catch (error) {
    if (!(error instanceof ProblemError) || error.code !== 'stale_signature') {
      throw error;
    }
  }
  return answerRead(await fetch(await requestSign(identity, request)));
}
