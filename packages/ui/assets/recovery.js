// The recovery key: a second Ed25519 key whose seed a person keeps as 24 words or as a file.
//
// The words are those of BIP-39: 256 bits of seed and 8 bits of its SHA-256, eleven bits a word. The seed itself is the
// entropy; BIP-39's derivation of wallets is not used.

import { WORDS } from './bip39-english.js';
import { joined, sha256, toHex, utf8 } from './bytes.js';
import { keyHash } from './key-log.js';
import { keyFromSeed, multikey, seedFromPem, seedToPem } from './keys.js';

/** @typedef {import('./bytes.js').Bytes} Bytes */

/**
 * @typedef {object} RecoveryKey
 * @property {Bytes} seed
 * @property {string[]} words
 * @property {string} multikey the public half
 * @property {string} nextKeyHash digest of the key that is kept back with it
 */

/**
 * @typedef {object} RecoveryFile
 * @property {'imajin-recovery-key'} type
 * @property {1} version
 * @property {string} did the identity that this key recovers
 * @property {string} node where it was made
 * @property {string} recoveryKey the public half, multikey
 * @property {string} words
 * @property {string} privateKey PKCS#8 PEM
 */

const SEED_LENGTH = 32;
const WORD_BITS = 11;
/** 256 bits of seed and 8 bits of check. */
export const WORD_COUNT = 24;
/** As many letters of a word tell it from every other. */
const LETTERS_ENOUGH = 4;
/** Nobody loses more devices. */
const KEPT_KEYS_SEARCHED = 100;

/** @param {Bytes} seed @returns {Promise<Bytes>} the seed and the first byte of its SHA-256 */
async function checked(seed) {
  return joined(seed, (await sha256(seed)).slice(0, 1));
}

/** @param {Bytes} seed @returns {Promise<string[]>} */
export async function seedToWords(seed) {
  const bits = Array.from(await checked(seed), (byte) => byte.toString(2).padStart(8, '0')).join('');
  return Array.from({ length: WORD_COUNT }, (_, index) =>
    WORDS[parseInt(bits.slice(index * WORD_BITS, (index + 1) * WORD_BITS), 2)] ?? '');
}

/**
 * @param {string} typed a word, or as many of its letters as tell it
 * @returns {number} its place in the list; -1 if it is not there
 */
function placeOf(typed) {
  const exact = WORDS.indexOf(typed);
  return exact === -1 && typed.length >= LETTERS_ENOUGH ? WORDS.findIndex((word) => word.startsWith(typed)) : exact;
}

/**
 * The seed of recovery words; an error that says which word is wrong, if one is.
 * @param {string} text words parted by spaces, commas, hyphens or numbers
 * @returns {Promise<Bytes>}
 */
export async function seedFromWords(text) {
  const words = text.toLowerCase().split(/[^a-z]+/).filter((word) => word !== '');
  if (words.length !== WORD_COUNT) {
    throw new Error(`There are ${WORD_COUNT} recovery words, and you typed ${words.length}.`);
  }
  const bits = words.map((word, index) => {
    const place = placeOf(word);
    if (place === -1) {
      throw new Error(`Word ${index + 1}, “${word}”, is not a recovery word. Is it mistyped?`);
    }
    return place.toString(2).padStart(WORD_BITS, '0');
  }).join('');
  const bytes = Uint8Array.from({ length: SEED_LENGTH + 1 }, (_, index) =>
    parseInt(bits.slice(index * 8, (index + 1) * 8), 2));
  const seed = bytes.slice(0, SEED_LENGTH);
  if (toHex(await checked(seed)) !== toHex(bytes)) {
    throw new Error('These words do not fit together. Is one mistyped, or are two in the wrong order?');
  }
  return seed;
}

/** @returns {Promise<RecoveryKey>} */
export async function recoveryGenerate() {
  const seed = crypto.getRandomValues(new Uint8Array(SEED_LENGTH));
  const { publicKey } = await keyFromSeed(seed);
  const nextKeyHash = await keptKeyHash(seed, 0);
  return { seed, words: await seedToWords(seed), multikey: multikey(publicKey), nextKeyHash };
}

/**
 * The digest of a key that is kept back: it is made from the recovery seed, so that whoever has this browser alone can
 * take no key away from the identity.
 * @param {Bytes} seed
 * @param {number} number a new one each time
 */
export async function keptKeyHash(seed, number) {
  const kept = await keyFromSeed(await sha256(joined(utf8(`imajin key kept back ${number}\n`), seed)));
  return keyHash(multikey(kept.publicKey));
}

/**
 * The digest that comes after `current`.
 * @param {Bytes} seed
 * @param {string | null} current
 */
export async function keptKeyHashNext(seed, current) {
  for (let number = 0; number < KEPT_KEYS_SEARCHED; number += 1) {
    if (current === await keptKeyHash(seed, number)) {
      return keptKeyHash(seed, number + 1);
    }
  }
  return keptKeyHash(seed, 0);
}

/**
 * @param {RecoveryKey} key
 * @param {string} did
 */
export function recoveryFileText(key, did) {
  /** @type {RecoveryFile} */
  const file = {
    type: 'imajin-recovery-key',
    version: 1,
    did,
    node: location.origin,
    recoveryKey: key.multikey,
    words: key.words.join(' '),
    privateKey: seedToPem(key.seed),
  };
  return `${JSON.stringify(file, null, 2)}\n`;
}

/**
 * What is in a file that a person opened: a recovery file, or a key file of the command line.
 * @param {string} text
 * @returns {Promise<{ kind: 'recovery', did: string, seed: Bytes } | { kind: 'key', seed: Bytes }>}
 */
export async function keyFileRead(text) {
  const seed = seedFromPem(text.replace(/\\n/g, '\n'));
  if (!text.trimStart().startsWith('{')) {
    if (seed === null) {
      throw new Error('This file holds no Ed25519 key. A key file begins with “-----BEGIN PRIVATE KEY-----”.');
    }
    return { kind: 'key', seed };
  }
  /** @type {Partial<RecoveryFile>} */
  let file;
  try {
    file = JSON.parse(text);
  } catch {
    throw new Error('This file is damaged: it begins like a recovery file and cannot be read to its end.');
  }
  if (file.type !== 'imajin-recovery-key' || typeof file.did !== 'string') {
    throw new Error('This is not a recovery file of imajin.');
  }
  if (seed !== null) {
    return { kind: 'recovery', did: file.did, seed };
  }
  return { kind: 'recovery', did: file.did, seed: await seedFromWords(String(file.words ?? '')) };
}
