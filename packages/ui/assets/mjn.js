// Exchanges of value (docs/mjn-headers.md): a question that carries consent and payment, signed, and the stream that
// answers it.

import { sha256, toBase64, toHex, utf8 } from './bytes.js';
import { canonical } from './canonical.js';
import { nodeNow } from './clock.js';
import { keySign } from './keys.js';

/** @typedef {import('./identity.js').Identity} Identity */

/**
 * @typedef {object} Exchange
 * @property {string} path path and query on this node
 * @property {Record<string, unknown>} body
 * @property {string} content whom the consent is about
 * @property {string} scope which part of it
 * @property {{ amount: string, currency: string }} max
 * @property {string} means
 * @property {string} idempotencyKey
 */

const nonce = () => toHex(crypto.getRandomValues(new Uint8Array(16)));
const json64 = (/** @type {unknown} */ value) => toBase64(utf8(canonical(value)));

/**
 * Signs a request with the label `mjn`.
 * @param {Pick<Identity, 'did' | 'privateKey'>} identity
 * @param {Exchange} exchange
 * @returns {Promise<Request>}
 */
export async function mjnSign(identity, exchange) {
  const created = Math.floor(nodeNow() / 1000);
  const unsigned = {
    version: '1.0',
    consumer: identity.did,
    content: exchange.content,
    intendedUse: 'query',
    scope: exchange.scope,
    timestamp: new Date(created * 1000).toISOString(),
    nonce: nonce(),
  };
  const signature = toHex(await keySign(identity.privateKey, utf8(canonical(unsigned))));
  const settlement = { max_amount: exchange.max.amount, currency: exchange.max.currency, means: exchange.means };
  const body = utf8(JSON.stringify(exchange.body));
  const target = new URL(exchange.path, location.origin).href;
  /** @type {[string, string][]} */
  const covered = [
    ['@method', 'POST'],
    ['@target-uri', target],
    ['content-digest', `sha-256=:${toBase64(await sha256(body))}:`],
    ['x-mjn-did', identity.did],
    ['x-mjn-consent', json64({ ...unsigned, signature })],
    ['x-mjn-settlement', json64(settlement)],
    ['x-mjn-timestamp', new Date(created * 1000).toISOString().replace('.000Z', 'Z')],
    ['idempotency-key', exchange.idempotencyKey],
  ];
  const names = covered.map(([name]) => `"${name}"`).join(' ');
  const params = `(${names});created=${created};keyid="${identity.did}";nonce="${nonce()}";alg="ed25519";tag="mjn"`;
  const base = [...covered.map(([name, value]) => `"${name}": ${value}`), `"@signature-params": ${params}`].join('\n');
  const value = toBase64(await keySign(identity.privateKey, utf8(base)));
  const headers = new Headers({
    accept: 'text/event-stream',
    'content-type': 'application/json',
    'signature-input': `mjn=${params}`,
    signature: `mjn=:${value}:`,
    'x-mjn-signature': value,
  });
  covered.filter(([name]) => !name.startsWith('@')).forEach(([name, header]) => headers.set(name, header));
  return new Request(target, { method: 'POST', headers, body, credentials: 'same-origin', cache: 'no-store' });
}

/**
 * The events of a stream, as they come: the name and the data of each.
 * @param {ReadableStream<Uint8Array>} stream
 * @returns {AsyncGenerator<{ name: string, data: any }>}
 */
export async function* events(stream) {
  const decoder = new TextDecoder();
  const reader = stream.getReader();
  let rest = '';
  for (;;) {
    const { done, value } = await reader.read();
    rest += decoder.decode(value, { stream: !done });
    const parts = rest.split('\n\n');
    rest = parts.pop() ?? '';
    for (const part of parts) {
      const lines = part.split('\n');
      const of = (/** @type {string} */ field) =>
        lines.filter((line) => line.startsWith(field)).map((line) => line.slice(field.length)).join('\n');
      const data = of('data: ');
      if (data !== '') {
        yield { name: of('event: '), data: JSON.parse(data) };
      }
    }
    if (done) {
      return;
    }
  }
}
