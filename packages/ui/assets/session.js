// Registering an identity at this node, and signing in with it.

import { fromHex, toHex, utf8 } from './bytes.js';
import { signedFetch } from './http-signature.js';
import { identitySave } from './identity.js';
import { entrySign, inception } from './key-log.js';
import { keySign, multikey } from './keys.js';
import { jsonPost } from './problem.js';

/** @typedef {import('./identity.js').Identity} Identity */

/**
 * @typedef {object} Challenge
 * @property {string} challengeId
 * @property {string} challenge what is to be signed, as the text that it is
 * @property {string} expiresAt
 */

/**
 * Signs a challenge, and nothing that a signature would mean something for elsewhere.
 * @param {CryptoKey} privateKey
 * @param {Challenge} challenge
 */
export async function challengeSign(privateKey, challenge) {
  if (!/^[0-9a-f]{64}$/.test(challenge.challenge)) {
    throw new Error('The node asks to sign something that is no challenge, so nothing was signed.');
  }
  return toHex(await keySign(privateKey, utf8(challenge.challenge)));
}

/**
 * The beginning of the identity's key log. A key from a file may have a log elsewhere: its owner publishes that.
 * @param {Identity} identity
 */
async function firstEntry(identity) {
  if (identity.recoveryKey === '') {
    return undefined;
  }
  const key = multikey(fromHex(identity.publicKey));
  const kept = { recovery: identity.recoveryKey, nextKeyHash: identity.nextKeyHash ?? null };
  return entrySign(inception(identity.did, key, kept), [{ multikey: key, privateKey: identity.privateKey }]);
}

/**
 * Makes the identity known to this node. Doing it again does no harm: a lost answer can simply be asked for again.
 * @param {Identity} identity
 */
export async function identityRegister(identity) {
  /** @type {Challenge} */
  const challenge = await jsonPost('/auth/api/challenge', { id: identity.did });
  await signedFetch(identity, {
    method: 'POST',
    path: '/auth/api/register',
    body: {
      publicKey: identity.publicKey,
      type: 'human',
      handle: identity.handle || undefined,
      name: identity.name || undefined,
      challengeId: challenge.challengeId,
      signature: await challengeSign(identity.privateKey, challenge),
      recoveryKey: identity.recoveryKey || undefined,
      keyLog: await firstEntry(identity),
    },
  });
  identity.registered = true;
  await identitySave(identity);
}

/**
 * Signs in: the node answers with a session cookie that this page cannot read.
 * @param {string} id DID or handle
 * @param {CryptoKey} privateKey the identity's own key or its recovery key
 */
export async function sessionStart(id, privateKey) {
  /** @type {Challenge} */
  const challenge = await jsonPost('/auth/api/login/challenge', { id });
  const signature = await challengeSign(privateKey, challenge);
  await jsonPost('/auth/api/login/verify', { id, challengeId: challenge.challengeId, signature });
}

/**
 * Signs in with an identity of this browser, after finishing its registration if that was cut short.
 * @param {Identity} identity
 */
export async function identityLogin(identity) {
  if (!identity.registered) {
    await identityRegister(identity);
  }
  await sessionStart(identity.did, identity.privateKey);
}
