// The passkeys of whoever is signed in: adding one, removing one.

import { signedFetch } from './http-signature.js';
import { identityFetch } from './identity.js';
import { element } from './page.js';
import { formRun, jsonPost, problemRead } from './problem.js';

const form = element('passkey-add', HTMLFormElement);
const status = element('passkey-status', HTMLElement);
const { signer = '', did = '' } = form.dataset;

async function identityNeed() {
  const identity = await identityFetch(did);
  if (identity === undefined) {
    throw new Error('You are signed in, but your key is not in this browser, so it cannot sign this. ' +
      'Use the browser that holds it, or sign in again with your key file.');
  }
  return identity;
}

async function add() {
  if (!('PublicKeyCredential' in window) || !('parseCreationOptionsFromJSON' in PublicKeyCredential)) {
    throw new Error('This browser cannot make passkeys. Please update it.');
  }
  const identity = signer === 'key' ? await identityNeed() : null;
  const asked = await fetch('/auth/api/passkeys/options', { cache: 'no-store' });
  if (!asked.ok) {
    throw await problemRead(asked);
  }
  const { publicKey } = await asked.json();
  const credential = await navigator.credentials.create({
    publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(publicKey),
  });
  if (!(credential instanceof PublicKeyCredential)) {
    throw new Error('Your device made no passkey.');
  }
  const body = { name: element('passkey-name', HTMLInputElement).value, credential: credential.toJSON() };
  if (identity === null) {
    await jsonPost('/auth/passkeys/add', body);
  } else {
    await signedFetch(identity, { method: 'POST', path: '/auth/api/passkeys', body });
  }
  location.reload();
}

form.addEventListener('submit', (event) => {
  event.preventDefault();
  void formRun(form, status, 'Asking your device…', add);
});

if (signer === 'key') {
  document.querySelectorAll('form.passkey-remove').forEach((remove) => {
    remove.addEventListener('submit', (event) => {
      event.preventDefault();
      const id = remove instanceof HTMLFormElement ? String(new FormData(remove).get('id')) : '';
      void formRun(form, status, 'Removing it…', async () => {
        await signedFetch(await identityNeed(), { method: 'DELETE', path: `/auth/api/passkeys/${id}`, body: null });
        location.reload();
      });
    });
  });
}
