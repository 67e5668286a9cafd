// Buttons that change something: each is a form whose request this browser signs with the reader's key.

import { feesFormStart } from './fees-form.js';
import { signedFetch } from './http-signature.js';
import { identityFetch } from './identity.js';
import { element, part } from './page.js';
import { formRun } from './problem.js';

const did = element('acts', HTMLElement).dataset['did'] ?? '';

/**
 * Sends a signed request, and shows the page as it is then.
 * @param {string} path
 * @param {unknown} body
 */
async function send(path, body) {
  const identity = await identityFetch(did);
  if (identity === undefined) {
    throw new Error('You are signed in, but your key is not in this browser, so it cannot sign for you. ' +
      'Use the browser that holds it, or sign in again with your key file.');
  }
  await signedFetch(identity, { method: 'POST', path, body });
  location.reload();
}

for (const form of document.querySelectorAll('form.act')) {
  if (!(form instanceof HTMLFormElement)) {
    continue;
  }
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const written = [...new FormData(form)].map(([name, value]) => [name, String(value).trim()]);
    const given = Object.fromEntries(written.filter(([, value]) => value !== ''));
    const body = { ...JSON.parse(form.dataset['body'] ?? '{}'), ...given };
    void formRun(form, part(form, '.status', HTMLElement), 'Signing…', () => send(form.dataset['path'] ?? '', body));
  });
}

feesFormStart(send);
