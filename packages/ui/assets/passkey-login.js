// Signing in with a passkey: the device knows who one is.

import { element, localPath } from './page.js';
import { formRun, jsonPost } from './problem.js';

const form = element('login-passkey', HTMLFormElement);

async function login() {
  const { publicKey } = await jsonPost('/auth/api/passkeys/login/options', {});
  const credential = await navigator.credentials.get({
    publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(publicKey),
  });
  if (!(credential instanceof PublicKeyCredential)) {
    throw new Error('Your device gave no passkey.');
  }
  await jsonPost('/auth/api/passkeys/login', { credential: credential.toJSON() });
  location.assign(localPath(form.dataset['next'], '/me'));
}

if ('PublicKeyCredential' in window && 'parseRequestOptionsFromJSON' in PublicKeyCredential) {
  element('passkey-section', HTMLElement).hidden = false;
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    void formRun(form, element('login-passkey-status', HTMLElement), 'Asking your device…', login);
  });
}
