// Ed25519 keys in WebCrypto, and the DID that a key is.

import { fromBase64, joined, toBase58, toBase64, toHex } from './bytes.js';

/** @typedef {import('./bytes.js').Bytes} Bytes */

/** A PKCS#8 document of an Ed25519 key is this, then the 32 bytes of the seed (RFC 8410, section 7). */
const PKCS8_HEAD = Uint8Array.of(0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20);
/** The part of it that is the same in every encoding: the algorithm, and the two octet strings around the seed. */
const SEED_MARK = PKCS8_HEAD.slice(7);
/** Multicodec for an Ed25519 public key. */
const ED25519_PUBLIC = Uint8Array.of(0xed, 0x01);
const SEED_LENGTH = 32;

/**
 * Why this browser cannot hold a key, in a sentence for its user; null if it can.
 * @returns {Promise<string | null>}
 */
export async function keysUnsupported() {
  if (!window.isSecureContext) {
    return 'This page is not on a secure connection, and browsers use keys only on one. Open it with https:// ' +
      '(or, on the machine of the node itself, as http://localhost).';
  }
  if (!('subtle' in crypto) || !('indexedDB' in window)) {
    return 'This browser cannot keep keys. Please use a current Firefox, Chrome, Edge or Safari.';
  }
  try {
    await crypto.subtle.generateKey('Ed25519', false, ['sign', 'verify']);
    return null;
  } catch {
    return 'This browser does not know Ed25519 keys. Please update it, ' +
      'or use a current Firefox, Chrome, Edge or Safari.';
  }
}

/**
 * Shows in `#unsupported` why this browser cannot hold a key, if it cannot.
 * @returns {Promise<boolean>} whether it can
 */
export async function keysCheck() {
  const problem = await keysUnsupported();
  const notice = document.getElementById('unsupported');
  if (problem !== null && notice) {
    notice.textContent = problem;
    notice.hidden = false;
  }
  return problem === null;
}

/** @param {Bytes} publicKey the 32 bytes of an Ed25519 public key */
export function multikey(publicKey) {
  return `z${toBase58(joined(ED25519_PUBLIC, publicKey))}`;
}

/** @param {Bytes} publicKey */
export function didOf(publicKey) {
  return `did:mjn:${multikey(publicKey)}`;
}

/**
 * A new key whose secret half cannot leave the browser.
 * @returns {Promise<{ privateKey: CryptoKey, publicKey: Bytes }>}
 */
export async function keyGenerate() {
  const pair = await crypto.subtle.generateKey('Ed25519', false, ['sign', 'verify']);
  const { privateKey, publicKey } = /** @type {CryptoKeyPair} */ (pair);
  return { privateKey, publicKey: new Uint8Array(await crypto.subtle.exportKey('raw', publicKey)) };
}

/**
 * The key of a seed, with its public half computed; not extractable.
 * @param {Bytes} seed
 * @returns {Promise<{ privateKey: CryptoKey, publicKey: Bytes }>}
 */
export async function keyFromSeed(seed) {
  if (seed.length !== SEED_LENGTH) {
    throw new Error(`An Ed25519 seed has ${SEED_LENGTH} bytes, and this one has ${seed.length}.`);
  }
  const document = joined(PKCS8_HEAD, seed);
  // Only a JWK of the secret half tells the public half, and only an extractable key has one.
  const open = await crypto.subtle.importKey('pkcs8', document, 'Ed25519', true, ['sign']);
  const { x } = await crypto.subtle.exportKey('jwk', open);
  if (x === undefined) {
    throw new Error('This browser does not tell the public half of a key. Please update it.');
  }
  const privateKey = await crypto.subtle.importKey('pkcs8', document, 'Ed25519', false, ['sign']);
  return { privateKey, publicKey: fromBase64(x) };
}

/**
 * @param {CryptoKey} privateKey
 * @param {Bytes} message
 * @returns {Promise<Bytes>} 64 bytes
 */
export async function keySign(privateKey, message) {
  return new Uint8Array(await crypto.subtle.sign('Ed25519', privateKey, message));
}

/** @param {Bytes} seed */
export function seedToPem(seed) {
  const body = toBase64(joined(PKCS8_HEAD, seed)).replace(/(.{64})/g, '$1\n').trimEnd();
  return `-----BEGIN PRIVATE KEY-----\n${body}\n-----END PRIVATE KEY-----\n`;
}

/**
 * The seed in a PKCS#8 PEM text, of either version (RFC 5958); null if there is none.
 * @param {string} text
 * @returns {Bytes | null}
 */
export function seedFromPem(text) {
  const body = /-----BEGIN PRIVATE KEY-----([\sA-Za-z0-9+/=]+)-----END PRIVATE KEY-----/.exec(text)?.[1];
  if (body === undefined) {
    return null;
  }
  const der = fromBase64(body);
  const at = toHex(der).indexOf(toHex(SEED_MARK)) / 2 + SEED_MARK.length;
  const seed = der.slice(at, at + SEED_LENGTH);
  return at >= SEED_MARK.length && seed.length === SEED_LENGTH ? seed : null;
}
