// Whom somebody means by what they type.

import { jsonGet } from './problem.js';

/**
 * The DID of a handle or a DID.
 * @param {string} who
 * @returns {Promise<string>}
 */
export async function didNamed(who) {
  const name = who.trim().replace(/^@/u, '');
  return name.startsWith('did:') ? name : (await jsonGet(`/auth/api/lookup/${encodeURIComponent(name)}`)).did;
}
