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
  // Asked for anew, also where this page was the answer to a form.
  location.replace(location.pathname + location.search);
}

/**
 * What was written into a form; what was left empty is left out.
 * @param {HTMLFormElement} form
 * @returns {Record<string, string>}
 */
function fields(form) {
  /** @type {Record<string, string>} */
  const written = {};
  for (const [name, value] of new FormData(form)) {
    if (typeof value === 'string' && value.trim() !== '') {
      written[name] = value.trim();
    }
  }
  return written;
}

// Forms without it look the same, and ask for a page.
for (const form of document.querySelectorAll('form[data-path]')) {
  if (!(form instanceof HTMLFormElement)) {
    continue;
  }
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    const body = { ...JSON.parse(form.dataset['body'] ?? '{}'), ...fields(form) };
    void formRun(form, part(form, '.status', HTMLElement), 'Signing…', () => send(form.dataset['path'] ?? '', body));
  });
}

feesFormStart(send);
