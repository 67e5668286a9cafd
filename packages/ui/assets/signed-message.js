// Statements that outlive their request: a message whose canonical form (RFC 8785) is signed by the sender's key.

import { toHex, utf8 } from './bytes.js';
import { canonical } from './canonical.js';
import { keySign } from './keys.js';

/**
 * @param {Pick<import('./identity.js').Identity, 'did' | 'privateKey'>} identity
 * @param {string} type
 * @param {string | undefined} to nobody in particular, if undefined
 * @param {Record<string, unknown>} payload
 * @param {number} timestamp in milliseconds
 */
export async function messageSign(identity, type, to, payload, timestamp) {
  const message = { from: identity.did, type, to, timestamp, payload };
  const signature = toHex(await keySign(identity.privateKey, utf8(canonical(message))));
  return { ...message, signature };
}
