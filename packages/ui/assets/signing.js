// Forms (of sessions, applications, works) that change something: whoever holds a key signs here; for a mailbox
// identity the node signs, and the plain forms are sent.

import { signedFetch } from './http-signature.js';
import { identityFetch } from './identity.js';
import { element } from './page.js';
import { formRun } from './problem.js';

const main = element('main', HTMLElement);

/** Whether the person who looks holds their own key. */
export function holdsKey() {
  return main.dataset['signer'] === 'key';
}

/** The identity of whoever looks, with its key in this browser. */
export async function ownIdentity() {
  const identity = await identityFetch(main.dataset['did'] ?? '');
  if (identity === undefined) {
    throw new Error('You are signed in, but your key is not in this browser, so it cannot sign this. ' +
      'Use the browser that holds it, or let this one in as a new device first.');
  }
  return identity;
}

/**
 * Signs a deletion with the key of whoever looks.
 * @param {string} path
 * @param {unknown} body
 * @returns {Promise<any>}
 */
export async function signedDelete(path, body) {
  return signedFetch(await ownIdentity(), { method: 'DELETE', path, body });
}

/**
 * @param {HTMLFormElement} form
 * @param {string} doing
 * @param {(form: HTMLFormElement) => Promise<void>} act
 */
export function takeOver(form, doing, act) {
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    void formRun(form, element('status', HTMLElement), doing, () => act(form));
  });
}

/**
 * Takes over all forms of a kind; a page may have none of it.
 * @param {string} selector
 * @param {(form: HTMLFormElement) => Promise<void>} act
 */
export function takeOverAll(selector, act) {
  for (const form of document.querySelectorAll(selector)) {
    if (form instanceof HTMLFormElement) {
      takeOver(form, 'Signing…', act);
    }
  }
}

/** @param {HTMLFormElement} form @param {string} name */
export function hiddenValue(form, name) {
  const value = new FormData(form).get(name);
  return typeof value === 'string' ? value : '';
}
