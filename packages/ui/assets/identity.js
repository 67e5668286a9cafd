// The identities that this browser holds, in IndexedDB. The secret keys are WebCrypto keys that cannot be read out, not
// even by this page: they can only be asked to sign.

import { toHex } from './bytes.js';
import { didOf, keyGenerate } from './keys.js';

/** @typedef {import('./bytes.js').Bytes} Bytes */

/**
 * @typedef {object} Identity
 * @property {string} did the identity's: another key's, if this device was let in later
 * @property {string} publicKey hex: this browser's own key
 * @property {CryptoKey} privateKey
 * @property {string} name may be empty
 * @property {string} handle may be empty
 * @property {string} recoveryKey multikey of the recovery key's public half; empty for a key from a file
 * @property {string} [nextKeyHash] digest of the key kept back, for the first entry of the key log
 * @property {boolean} registered whether this node has answered that it knows the identity
 */

const DATABASE = 'imajin';
const STORE = 'identities';

/** @returns {Promise<IDBDatabase>} */
function databaseOpen() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => request.result.createObjectStore(STORE, { keyPath: 'did' });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(new Error('This browser did not open its key store. A private window may do that.'));
    request.onblocked = () => reject(new Error('Another tab holds the key store open. Close it and try again.'));
  });
}

/**
 * @template T
 * @param {IDBTransactionMode} mode
 * @param {(store: IDBObjectStore) => IDBRequest<T>} act
 * @returns {Promise<T>} after the transaction is on disk, as far as the browser tells
 */
async function storeUse(mode, act) {
  const database = await databaseOpen();
  try {
    return await new Promise((resolve, reject) => {
      const transaction = database.transaction(STORE, mode, { durability: 'strict' });
      const request = act(transaction.objectStore(STORE));
      transaction.oncomplete = () => resolve(request.result);
      transaction.onabort = () => reject(new Error('This browser could not save to its key store. Is its disk full?'));
    });
  } finally {
    database.close();
  }
}

/** @returns {Promise<Identity[]>} */
export function identityList() {
  return storeUse('readonly', (store) => store.getAll());
}

/** @param {string} did @returns {Promise<Identity | undefined>} */
export function identityFetch(did) {
  return storeUse('readonly', (store) => store.get(did));
}

/** @param {Identity} identity */
export async function identitySave(identity) {
  await storeUse('readwrite', (store) => store.put(identity));
  // Ask the browser not to clear the key when it needs room. It may say no; the recovery key is for that.
  await navigator.storage?.persist?.().catch(() => false);
}

/**
 * @param {Bytes} publicKey
 * @param {CryptoKey} privateKey
 * @returns {Identity}
 */
export function identityOf(publicKey, privateKey) {
  const did = didOf(publicKey);
  return { did, publicKey: toHex(publicKey), privateKey, name: '', handle: '', recoveryKey: '', registered: false };
}

/** @returns {Promise<Identity>} a new one, not saved yet */
export async function identityGenerate() {
  const { publicKey, privateKey } = await keyGenerate();
  return identityOf(publicKey, privateKey);
}

/** @param {Identity} identity */
export function identityLabel(identity) {
  const short = `${identity.did.slice(0, 16)}…${identity.did.slice(-6)}`;
  return [identity.name, identity.handle && `@${identity.handle}`, short].filter((part) => part !== '').join(' · ');
}

/**
 * Fills `#keys` with a choice of the identities in this browser, and shows `#no-keys` if there are none.
 * @param {string} chosen DID to choose, if it is there
 * @returns {Promise<Identity[]>}
 */
export async function identityChoices(chosen) {
  const identities = await identityList();
  const list = document.getElementById('keys');
  const none = document.getElementById('no-keys');
  if (!list || !none) {
    return identities;
  }
  none.hidden = identities.length > 0;
  list.hidden = identities.length === 0;
  const preferred = identities.find((identity) => identity.did === chosen) ?? identities[0];
  identities.forEach((identity, index) => {
    const input = document.createElement('input');
    Object.assign(input, { type: 'radio', name: 'did', id: `key-${index}`, value: identity.did });
    input.checked = identity === preferred;
    const label = document.createElement('label');
    label.htmlFor = input.id;
    label.textContent = identityLabel(identity);
    const choice = document.createElement('div');
    choice.className = 'choice';
    choice.append(input, label);
    list.append(choice);
  });
  return identities;
}
