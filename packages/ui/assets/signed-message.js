// Statements that outlive their request: a message whose canonical form (RFC 8785) is signed by the sender's key.

import { toHex, utf8 } from './bytes.js';
import { keySign } from './keys.js';

/**
 * The canonical form: members in the order of their UTF-16 units, nothing between them. Texts and numbers are written
 * by JSON.stringify, whose form RFC 8785 takes over.
 * @param {unknown} value
 * @returns {string}
 */
export function canonical(value) {
  if (Array.isArray(value)) {
    return `[${value.map(canonical).join(',')}]`;
  }
  if (typeof value === 'object' && value !== null) {
    const members = Object.entries(value).filter(([, member]) => member !== undefined);
    members.sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`).join(',')}}`;
  }
  return JSON.stringify(value);
}

/**
 * @param {Pick<import('./identity.js').Identity, 'did' | 'privateKey'>} identity
 * @param {string} type
 * @param {string} to
 * @param {Record<string, unknown>} payload
 * @param {number} timestamp in milliseconds
 */
export async function messageSign(identity, type, to, payload, timestamp) {
  const message = { from: identity.did, type, to, timestamp, payload };
  const signature = toHex(await keySign(identity.privateKey, utf8(canonical(message))));
  return { ...message, signature };
}
