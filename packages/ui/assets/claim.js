// Claiming a mailbox: the token of its link is sent once, signed with the key to which everything of the mailbox
// belongs from then on.

import { signedFetch } from './http-signature.js';
import { identityChoices } from './identity.js';
import { keysCheck } from './keys.js';
import { element } from './page.js';
import { formRun } from './problem.js';
import { identityRegister, sessionStart } from './session.js';

const form = element('claim', HTMLFormElement);
const status = element('claim-status', HTMLElement);

/** @param {import('./identity.js').Identity[]} identities */
async function claim(identities) {
  const did = new FormData(form).get('did');
  const identity = identities.find((candidate) => candidate.did === did);
  if (identity === undefined) {
    throw new Error('Choose one of the identities first.');
  }
  if (!identity.registered) {
    await identityRegister(identity);
  }
  const token = form.dataset['token'] ?? '';
  await signedFetch(identity, { method: 'POST', path: '/auth/api/claim', body: { token } });
  await sessionStart(identity.did, identity.privateKey);
  location.assign('/me');
}

async function start() {
  if (!(await keysCheck())) {
    return;
  }
  const identities = await identityChoices(form.dataset['did'] ?? '');
  element('claim-button', HTMLButtonElement).hidden = identities.length === 0;
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    void formRun(form, status, 'Claiming the mailbox…', () => claim(identities));
  });
}

void start();
