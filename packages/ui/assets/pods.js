// Pods: signs what the forms of their pages ask for.

import { signedFetch } from './http-signature.js';
import { element } from './page.js';
import { didNamed } from './people.js';
import { hiddenValue, holdsKey, ownIdentity, takeOverAll } from './signing.js';

const API = '/connections/api/pods';
const main = element('main', HTMLElement);

/**
 * Signs a request and sends it.
 * @param {'POST' | 'PUT' | 'DELETE'} method
 * @param {string} path behind that of all pods
 * @param {unknown} body
 * @returns {Promise<any>}
 */
async function send(method, path, body) {
  return signedFetch(await ownIdentity(), { method, path: `${API}${path}`, body });
}

/** The pod that a form is about: its entry in a list says so, or the page.
 * @param {HTMLFormElement} form
 */
function podOf(form) {
  return `/${encodeURIComponent(form.closest('li')?.dataset['pod'] ?? main.dataset['pod'] ?? '')}`;
}

/** @param {HTMLFormElement} form */
function personOf(form) {
  return form.closest('li')?.dataset['did'] ?? '';
}

/** @param {HTMLFormElement} form */
function settingsOf(form) {
  const parent = hiddenValue(form, 'parent');
  return { name: hiddenValue(form, 'name'), visibility: hiddenValue(form, 'visibility'), parent: parent || null };
}

/**
 * A form whose request changes what the page shows.
 * @param {string} selector
 * @param {(form: HTMLFormElement) => Promise<unknown>} act
 */
function changes(selector, act) {
  takeOverAll(selector, async (form) => {
    await act(form);
    location.reload();
  });
}

/** A form after which the reader is in the pod no longer.
 * @param {string} selector
 * @param {(form: HTMLFormElement) => Promise<unknown>} act
 */
function ends(selector, act) {
  takeOverAll(selector, async (form) => {
    await act(form);
    location.assign('/me/pods');
  });
}

if (holdsKey()) {
  takeOverAll('#pod-create', async (form) => {
    const made = await send('POST', '', { ...settingsOf(form), type: hiddenValue(form, 'type') });
    location.assign(`/pods/${encodeURIComponent(made.id)}`);
  });
  takeOverAll('.pod-accept', async (form) => {
    await send('POST', `${podOf(form)}/accept`, { role: hiddenValue(form, 'role') });
    location.assign(`/pods${podOf(form)}`);
  });
  ends('.pod-leave', (form) => send('POST', `${podOf(form)}/leave`, null));
  ends('#pod-dissolve', (form) => send('DELETE', podOf(form), null));
  changes('#pod-settings', (form) => send('PUT', podOf(form), settingsOf(form)));
  changes('#pod-invite', async (form) => {
    const did = await didNamed(hiddenValue(form, 'who'));
    await send('POST', `${podOf(form)}/invite`, { did, role: hiddenValue(form, 'role') });
  });
  changes('.pod-role', (form) =>
    send('PUT', `${podOf(form)}/role`, { did: personOf(form), role: hiddenValue(form, 'role') }));
  changes('.pod-remove', (form) => send('POST', `${podOf(form)}/remove`, { did: personOf(form) }));
  changes('#pod-offer', (form) =>
    send('PUT', `${podOf(form)}/successor`, { did: hiddenValue(form, 'did') || null }));
}
