// Signing in at another node, for a person whose key is in this browser: what that node believes is signed here.

import { signedFetch } from './http-signature.js';
import { identityFetch } from './identity.js';
import { element } from './page.js';
import { formRun } from './problem.js';
import { messageSign } from './signed-message.js';

const form = element('visit', HTMLFormElement);
const status = element('visit-status', HTMLElement);

/** How far the node's clock is ahead of ours; what loading the page has cost does not count. */
const ahead = Number(form.dataset['now']) - Date.now();
const clockAhead = Math.abs(ahead) > 20_000 ? ahead : 0;

async function allow() {
  const { did = '', visited = '', home = '', nonce = '' } = form.dataset;
  const identity = await identityFetch(did);
  if (identity === undefined) {
    throw new Error('You are signed in, but your key is not in this browser, so it cannot sign your answer. ' +
      'Use the browser that holds it, or sign in again with your key file.');
  }
  const answer = await signedFetch(identity, {
    method: 'POST',
    path: '/auth/api/federation/allow',
    body: {
      request: new FormData(form).get('request'),
      message: await messageSign(identity, 'login', visited, { home, nonce }, Date.now() + clockAhead),
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
