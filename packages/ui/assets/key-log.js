// Entries of a key log: which keys speak for an identity, one signed step after the other. The format and its rules are
// in docs/key-log.md.

import { sha256, toHex, utf8 } from './bytes.js';
import { nodeNow } from './clock.js';
import { documentDigest, proofMake } from './data-integrity.js';

/** @typedef {import('./data-integrity.js').Proof} Proof */

/**
 * @typedef {object} Draft an entry that nobody has signed yet
 * @property {1} version
 * @property {string} did
 * @property {number} seq
 * @property {string | null} prev digest of the entry before this one
 * @property {string[]} keys multikeys; none ends the identity
 * @property {string | null} nextKeyHash digest of a key that is kept back
 * @property {string | null} recovery multikey
 * @property {number} at milliseconds since 1970
 */

/** @typedef {Draft & { proof: Proof[] }} Entry */
/** @typedef {{ multikey: string, privateKey: CryptoKey }} Signer */

/** @param {string} multikey */
export async function keyHash(multikey) {
  return toHex(await sha256(utf8(multikey)));
}

/** @param {Draft | Entry} entry what one content is called, whoever signed it */
export async function entryHash(entry) {
  const { proof: _proof, ...content } = /** @type {Entry} */ (entry);
  return toHex(await documentDigest(content));
}

/**
 * The first entry: the key that the DID is.
 * @param {string} did
 * @param {string} key multikey
 * @param {{ recovery: string | null, nextKeyHash: string | null }} kept
 * @returns {Draft}
 */
export function inception(did, key, { recovery, nextKeyHash }) {
  return { version: 1, did, seq: 0, prev: null, keys: [key], nextKeyHash, recovery, at: nodeNow() };
}

/**
 * The entry after `head`, with what is different.
 * @param {Entry} head
 * @param {Partial<Pick<Draft, 'keys' | 'nextKeyHash' | 'recovery'>>} changes
 * @returns {Promise<Draft>}
 */
export async function successor(head, changes) {
  const { did, seq, keys, nextKeyHash, recovery, at } = head;
  const before = { keys, nextKeyHash, recovery };
  // Time does not run backwards in a log, whatever a device's clock says.
  const now = Math.max(nodeNow(), at);
  return { version: 1, did, seq: seq + 1, prev: await entryHash(head), ...before, ...changes, at: now };
}

/**
 * @param {Draft} draft
 * @param {Signer[]} signers
 * @returns {Promise<Entry>}
 */
export async function entrySign(draft, signers) {
  const proof = await Promise.all(signers.map((signer) => proofMake({ ...draft }, draft.did, signer)));
  return { ...draft, proof };
}
