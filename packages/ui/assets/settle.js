// A visitor registers at this node as well: the key that the identity is answers a challenge.

import { identityFetch } from './identity.js';
import { element } from './page.js';
import { formRun } from './problem.js';
import { identityRegister, sessionStart } from './session.js';

const form = element('settle', HTMLFormElement);

form.addEventListener('submit', (event) => {
  event.preventDefault();
  void formRun(form, element('settle-status', HTMLElement), 'Registering you here…', async () => {
    const identity = await identityFetch(form.dataset['did'] ?? '');
    if (identity === undefined) {
      throw new Error('Your key is with your own node\'s pages, and this browser keeps the keys of each node apart. ' +
        'Open your key file or recovery words on the sign-in page here first; then come back.');
    }
    await identityRegister(identity);
    await sessionStart(identity.did, identity.privateKey);
    location.assign('/me');
  });
});
