// Data Integrity proofs of the cryptosuite eddsa-jcs-2022 (W3C), over documents in their canonical form (RFC 8785).

import { joined, sha256, toBase58, utf8 } from './bytes.js';
import { canonical } from './canonical.js';
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
