// Manifests made and signed in the browser: RFC 8785 bytes, an id that follows from the content, the author's word.

import { sha256, toBase32, toHex, utf8 } from './bytes.js';
import { canonical } from './canonical.js';
import { nodeNow } from './clock.js';
import { keySign } from './keys.js';

/** @typedef {import('./bytes.js').Bytes} Bytes */

/**
 * @typedef {object} ManifestWish
 * @property {string} title
 * @property {string} kind
 * @property {Bytes} bytes the work itself
 * @property {string} mediaType
 * @property {string} [price] a decimal; nothing is said when it is free
 * @property {string} [currency]
 */

/**
 * A manifest that gives everything to its author.
 * @param {{ did: string, privateKey: CryptoKey }} identity
 * @param {ManifestWish} wish
 */
export async function manifestSign(identity, wish) {
  // Members of the format may be empty and must be there: nothing is added to what is signed.
  const terms = wish.price === undefined ? {} : { read: { price: wish.price, currency: wish.currency } };
  const draft = {
    version: '1.0',
    title: wish.title,
    type: wish.kind,
    author: identity.did,
    contributors: [{ did: identity.did, role: 'author', share: 1 }],
    derives_from: [],
    terms,
    content: { sha256: toHex(await sha256(wish.bytes)), size: wish.bytes.length, media_type: wish.mediaType },
  };
  const id = `fair_${toBase32(await sha256(utf8(canonical(draft))))}`;
  const created = new Date(nodeNow()).toISOString();
  const signature = { did: identity.did, alg: 'EdDSA', created };
  const value = await keySign(identity.privateKey, utf8(canonical({ ...draft, id, signature })));
  return { ...draft, id, signature: { ...signature, value: toHex(value) } };
}
