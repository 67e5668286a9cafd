// Allowing an application what it asks for, for a person whose key is in this browser: the answer is signed here.

import { signedFetch } from './http-signature.js';
import { identityFetch } from './identity.js';
import { element } from './page.js';
import { formRun } from './problem.js';

const form = element('consent', HTMLFormElement);
const status = element('consent-status', HTMLElement);

async function allow() {
  const { did = '', client = '', redirect = '', asked = '' } = form.dataset;
  const identity = await identityFetch(did);
  if (identity === undefined) {
    throw new Error('You are signed in, but your key is not in this browser, so it cannot sign your answer. ' +
      'Use the browser that holds it, or sign in again with your key file.');
  }
  const data = new FormData(form);
  const ticked = new Set(['openid', ...data.getAll('scope')]);
  const answer = await signedFetch(identity, {
    method: 'POST',
    path: '/auth/api/oidc/consent',
    body: {
      request: data.get('request'),
      clientId: client,
      redirectUri: redirect,
      asked,
      scope: asked.split(' ').filter((name) => ticked.has(name)).join(' '),
    },
  });
  location.assign(answer.redirectTo);
}

form.addEventListener('submit', (event) => {
  // Saying no needs no signature: the form goes as it is.
  const button = event.submitter;
  if (button instanceof HTMLButtonElement && button.value === 'deny') {
    return;
  }
  event.preventDefault();
  void formRun(form, status, 'Signing your answer…', allow);
});
