// The recovery key: a second Ed25519 key whose seed a person keeps as 18 words or as a file.
//
// The words are proquints (D. S. Wilkerson, arXiv:0901.4016): 16 bits each, consonant and vowel in turn, so that they
// can be read aloud and typed without a list of words. 32 bytes of seed and the first 4 bytes of their SHA-256 make
// 18 words: a mistyped word is noticed.

import { joined, sha256, toHex } from './bytes.js';
import { keyFromSeed, multikey, seedFromPem, seedToPem } from './keys.js';

/** @typedef {import('./bytes.js').Bytes} Bytes */

/**
 * @typedef {object} RecoveryKey
 * @property {Bytes} seed
 * @property {string[]} words
 * @property {string} multikey the public half
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

const CONSONANTS = 'bdfghjklmnprstvz';
const VOWELS = 'aiou';
const SEED_LENGTH = 32;
const CHECK_LENGTH = 4;
export const WORD_COUNT = (SEED_LENGTH + CHECK_LENGTH) / 2;

/** @param {number} bits 16 bits */
function wordOf(bits) {
  return CONSONANTS.charAt((bits >> 12) & 15) + VOWELS.charAt((bits >> 10) & 3) + CONSONANTS.charAt((bits >> 6) & 15) +
    VOWELS.charAt((bits >> 4) & 3) + CONSONANTS.charAt(bits & 15);
}

/**
 * @param {string} word
 * @returns {number | null} 16 bits, or null if it is no such word
 */
function bitsOf(word) {
  if (!/^[bdfghjklmnprstvz][aiou][bdfghjklmnprstvz][aiou][bdfghjklmnprstvz]$/.test(word)) {
    return null;
  }
  const at = (/** @type {number} */ index) => {
    const letters = index % 2 === 0 ? CONSONANTS : VOWELS;
    return letters.indexOf(word.charAt(index));
  };
  return (at(0) << 12) | (at(1) << 10) | (at(2) << 6) | (at(3) << 4) | at(4);
}

/** @param {Bytes} seed @returns {Promise<string[]>} */
export async function seedToWords(seed) {
  const bytes = joined(seed, (await sha256(seed)).slice(0, CHECK_LENGTH));
  return Array.from({ length: WORD_COUNT }, (_, index) =>
    wordOf(((bytes[2 * index] ?? 0) << 8) | (bytes[2 * index + 1] ?? 0)));
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
  const bytes = new Uint8Array(WORD_COUNT * 2);
  words.forEach((word, index) => {
    const bits = bitsOf(word);
    if (bits === null) {
      throw new Error(`Word ${index + 1}, “${word}”, is not a recovery word. Is it mistyped?`);
    }
    bytes.set([bits >> 8, bits & 255], 2 * index);
  });
  const seed = bytes.slice(0, SEED_LENGTH);
  if (toHex((await sha256(seed)).slice(0, CHECK_LENGTH)) !== toHex(bytes.slice(SEED_LENGTH))) {
    throw new Error('These words do not fit together. Is one mistyped, or are two in the wrong order?');
  }
  return seed;
}

/** @returns {Promise<RecoveryKey>} */
export async function recoveryGenerate() {
  const seed = crypto.getRandomValues(new Uint8Array(SEED_LENGTH));
  const { publicKey } = await keyFromSeed(seed);
  return { seed, words: await seedToWords(seed), multikey: multikey(publicKey) };
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
