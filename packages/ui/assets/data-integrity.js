// Data Integrity proofs of the cryptosuite eddsa-jcs-2022 (W3C), over documents in their canonical form (RFC 8785).

import { joined, sha256, toBase58, utf8 } from './bytes.js';
import { keySign } from './keys.js';

/** @typedef {{ [member: string]: unknown }} JsonObject */

/**
 * @typedef {object} Proof
 * @property {'DataIntegrityProof'} type
 * @property {'eddsa-jcs-2022'} cryptosuite
 * @property {string} verificationMethod the DID, `#` and the key's multikey
 * @property {'assertionMethod'} proofPurpose
 * @property {string} proofValue multibase Base58
 */

/**
 * The canonical text of JSON (RFC 8785): members by their UTF-16 code units; numbers and strings are written as
 * ECMAScript writes them, which is what the RFC took its rules from.
 * @param {unknown} value
 * @returns {string}
 */
export function canonical(value) {
  if (Array.isArray(value)) {
    return `[${value.map(canonical).join(',')}]`;
  }
  if (value !== null && typeof value === 'object') {
    const members = Object.entries(value).filter(([, member]) => member !== undefined);
    members.sort(([one], [other]) => (one < other ? -1 : 1));
    return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`).join(',')}}`;
  }
  return JSON.stringify(value);
}

/** @param {JsonObject} document without its proof */
export function documentDigest(document) {
  return sha256(utf8(canonical(document)));
}

/**
 * @param {JsonObject} document without its proof; one with an `@context` is not for here
 * @param {string} did
 * @param {{ multikey: string, privateKey: CryptoKey }} signer
 * @returns {Promise<Proof>}
 */
export async function proofMake(document, did, signer) {
  const options = /** @type {const} */ ({
    type: 'DataIntegrityProof',
    cryptosuite: 'eddsa-jcs-2022',
    verificationMethod: `${did}#${signer.multikey}`,
    proofPurpose: 'assertionMethod',
  });
  const message = joined(await documentDigest(options), await documentDigest(document));
  return { ...options, proofValue: `z${toBase58(await keySign(signer.privateKey, message))}` };
}
