// Taking, changing and giving up one's handle: signed here with one's own key.

import { signedFetch } from './http-signature.js';
import { identityFetch } from './identity.js';
import { element } from './page.js';
import { formRun } from './problem.js';

const form = document.getElementById('handle-form');

if (form instanceof HTMLFormElement) {
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    void formRun(form, element('handle-status', HTMLElement), 'Signing your handle…', async () => {
      const identity = await identityFetch(form.dataset['did'] ?? '');
      if (identity === undefined) {
        throw new Error('You are signed in, but your key is not in this browser, so it cannot sign your handle. ' +
          'Use the browser that holds it, or let this one in as a new device first.');
      }
      const wanted = element('handle', HTMLInputElement).value.trim().replace(/^@/, '').toLowerCase();
      const body = { handle: wanted === '' ? null : wanted };
      await signedFetch(identity, { method: 'PUT', path: '/auth/api/identity/handle', body });
      location.assign('/me/profile?saved=1');
    });
  });
}
