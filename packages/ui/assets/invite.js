// Invitations: the code is the seed of a key. The node gets the public half, and whoever is invited proves to have the
// code.

import { toHex, utf8, sha256 } from './bytes.js';
import { keyFromSeed, keySign, multikey } from './keys.js';
import { messageSign } from './signed-message.js';

const LASTS_MILLIS = 14 * 24 * 60 * 60 * 1000;

/** @param {string} code */
async function inviteKey(code) {
  return keyFromSeed(await sha256(utf8(`imajin invite\n${code}`)));
}

/**
 * A new code, and the signed invitation that it opens.
 * @param {Pick<import('./identity.js').Identity, 'did' | 'privateKey'>} identity
 * @param {number} maxUses
 * @param {number} now in milliseconds
 */
export async function inviteMake(identity, maxUses, now) {
  const code = toHex(crypto.getRandomValues(new Uint8Array(16)));
  const key = multikey((await inviteKey(code)).publicKey);
  const payload = { invite: { key, maxUses, expires: now + LASTS_MILLIS } };
  return { code, document: await messageSign(identity, 'trust.connection', undefined, payload, now) };
}

/**
 * The signed acceptance of an invitation.
 * @param {Pick<import('./identity.js').Identity, 'did' | 'privateKey'>} identity
 * @param {string} code
 * @param {string} digest
 * @param {number} now in milliseconds
 */
export async function inviteAccept(identity, code, digest, now) {
  const { privateKey } = await inviteKey(code);
  const inviteProof = toHex(await keySign(privateKey, utf8(`imajin invite\n${digest}\n${identity.did}`)));
  return messageSign(identity, 'trust.accept', undefined, { statement: digest, inviteProof }, now);
}
