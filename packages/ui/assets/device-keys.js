// What a page needs to change an identity's key log: the log as it stands, a way to sign, the recovery key from words
// or a file.

import { fromHex } from './bytes.js';
import { entryHash, entrySign, inception, successor } from './key-log.js';
import { keyFromSeed, multikey } from './keys.js';
import { jsonGet, jsonPost } from './problem.js';
import { keptKeyHashNext, keyFileRead, seedFromWords } from './recovery.js';

/** @typedef {import('./bytes.js').Bytes} Bytes */
/** @typedef {import('./identity.js').Identity} Identity */
/** @typedef {import('./key-log.js').Entry} Entry */
/** @typedef {import('./key-log.js').Signer} Signer */

/** The largest file that can be a key or recovery file. */
const FILE_BYTES_MAX = 65_536;

/** @param {string} id @param {'log' | 'rotate' | 'recover' | 'deactivate'} action */
function logPath(id, action) {
  return `/auth/api/identity/${encodeURIComponent(id)}/${action}`;
}

/**
 * The newest entry that counts.
 * @param {string} id DID or handle
 * @returns {Promise<Entry | undefined>} undefined when nothing was published yet
 */
export async function headFetch(id) {
  /** @type {{ entries: Entry[], head: string | null }} */
  const log = await jsonGet(logPath(id, 'log'));
  for (const entry of log.entries) {
    if (await entryHash(entry) === log.head) {
      return entry;
    }
  }
  return undefined;
}

/** @param {Identity} identity @returns {Signer} */
export function signerOf(identity) {
  return { multikey: multikey(fromHex(identity.publicKey)), privateKey: identity.privateKey };
}

/**
 * The newest entry; the first one is published now, if that was never done.
 * @param {Identity} identity
 * @param {string | null} recovery the recovery key that the node knows
 * @returns {Promise<Entry>}
 */
export async function headEnsure(identity, recovery) {
  const head = await headFetch(identity.did);
  if (head !== undefined) {
    return head;
  }
  const signer = signerOf(identity);
  const kept = { recovery, nextKeyHash: identity.nextKeyHash ?? null };
  const first = await entrySign(inception(identity.did, signer.multikey, kept), [signer]);
  await jsonPost(logPath(identity.did, 'log'), first);
  return first;
}

/**
 * The entry with which a current key lets another one in.
 * @param {Identity} identity
 * @param {Entry} head
 * @param {string} key multikey
 */
export async function additionMake(identity, head, key) {
  return entrySign(await successor(head, { keys: [...head.keys, key] }), [signerOf(identity)]);
}

/**
 * Sets other keys by the recovery key: all sessions end.
 * @param {Entry} head
 * @param {string[]} keys multikeys
 * @param {Bytes} seed the recovery key's
 */
export async function recoveryPost(head, keys, seed) {
  const nextKeyHash = await keptKeyHashNext(seed, head.nextKeyHash);
  const draft = await successor(head, { keys, nextKeyHash });
  await jsonPost(logPath(head.did, 'recover'), await entrySign(draft, [await recoverySigner(head, seed)]));
}

/**
 * Ends the identity.
 * @param {Entry} head
 * @param {Bytes} seed the recovery key's
 */
export async function deactivationPost(head, seed) {
  const draft = await successor(head, { keys: [], nextKeyHash: null, recovery: null });
  await jsonPost(logPath(head.did, 'deactivate'), await entrySign(draft, [await recoverySigner(head, seed)]));
}

/** @param {Entry} head @param {Bytes} seed @returns {Promise<Signer>} */
async function recoverySigner(head, seed) {
  const { privateKey, publicKey } = await keyFromSeed(seed);
  const signer = { multikey: multikey(publicKey), privateKey };
  if (head.recovery === null) {
    throw new Error('This identity has no recovery key, so nothing can take its place.');
  }
  if (signer.multikey !== head.recovery) {
    throw new Error('This is a recovery key, but not the one of this identity.');
  }
  return signer;
}

/**
 * The recovery seed that a form was given: a file, or words.
 * @param {HTMLInputElement} file
 * @param {HTMLTextAreaElement} words
 * @returns {Promise<Bytes>}
 */
export async function recoverySeed(file, words) {
  const opened = file.files?.[0];
  if (opened === undefined) {
    if (words.value.trim() === '') {
      words.focus();
      throw new Error('Type the recovery words, or open the recovery file.');
    }
    return seedFromWords(words.value);
  }
  if (opened.size > FILE_BYTES_MAX) {
    throw new Error('This file is too large to be a recovery file.');
  }
  const read = await keyFileRead(await opened.text());
  if (read.kind !== 'recovery') {
    throw new Error('This is a key file. Taking keys away needs the recovery file, or the recovery words.');
  }
  return read.seed;
}
