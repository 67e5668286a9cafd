// Claiming a node: the one-time token is sent once, signed with the key of whoever becomes the operator.

import { signedFetch } from './http-signature.js';
import { identityChoices } from './identity.js';
import { keysCheck } from './keys.js';
import { element } from './page.js';
import { formRun } from './problem.js';
import { identityRegister, sessionStart } from './session.js';

const form = element('setup', HTMLFormElement);
const status = element('setup-status', HTMLElement);
const STORED = 'imajin-setup-token';

/**
 * The token of the link. It moves from the address into this tab's own memory, so that it is in no history and survives
 * the way to the page where an identity is made.
 */
function tokenTake() {
  const fragment = location.hash.slice(1);
  const found = new URLSearchParams(fragment).get('token') ?? (fragment.includes('=') ? '' : fragment);
  const token = found || form.dataset['token'] || '';
  if (token !== '') {
    sessionStorage.setItem(STORED, token);
    history.replaceState(null, '', location.pathname);
  }
  return sessionStorage.getItem(STORED) ?? '';
}

/**
 * @param {import('./identity.js').Identity[]} identities
 * @param {string} token
 */
async function claim(identities, token) {
  const did = new FormData(form).get('did');
  const identity = identities.find((candidate) => candidate.did === did);
  if (identity === undefined) {
    throw new Error('Choose one of the identities first.');
  }
  if (!identity.registered) {
    await identityRegister(identity);
  }
  await signedFetch(identity, { method: 'POST', path: '/auth/api/setup', body: { token } });
  sessionStorage.removeItem(STORED);
  await sessionStart(identity.did, identity.privateKey);
  location.assign('/operator');
}

async function start() {
  const token = tokenTake();
  if (!(await keysCheck())) {
    return;
  }
  const identities = await identityChoices(form.dataset['did'] ?? '');
  element('setup-button', HTMLButtonElement).hidden = identities.length === 0;
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    void formRun(form, status, 'Claiming the node…', async () => {
      if (token === '') {
        throw new Error('The setup token is missing. Open the whole link that the node printed when it started.');
      }
      await claim(identities, token);
    });
  });
}

void start();
