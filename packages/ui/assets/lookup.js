// Who is meant by what somebody has written.

import { jsonGet } from './problem.js';

/**
 * The DID of whom is named: a DID, or a handle of this node.
 * @param {string} who
 * @returns {Promise<string>}
 */
export async function didNamed(who) {
  const name = who.trim().replace(/^@/u, '');
  return name.startsWith('did:') ? name : (await jsonGet(`/auth/api/lookup/${encodeURIComponent(name)}`)).did;
}
