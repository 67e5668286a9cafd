// Taking an identity back: the recovery key sets a new key, made in this browser, in the place of all others.

import { fromHex } from './bytes.js';
import { headFetch, recoveryPost, recoverySeed } from './device-keys.js';
import { identityGenerate, identitySave } from './identity.js';
import { keysCheck, multikey } from './keys.js';
import { element } from './page.js';
import { formRun } from './problem.js';
import { sessionStart } from './session.js';

const form = element('recover', HTMLFormElement);

async function recover() {
  const id = element('recover-id', HTMLInputElement).value.trim().replace(/^@/, '');
  if (id === '') {
    throw new Error('Type your handle or DID.');
  }
  const file = element('recover-file', HTMLInputElement);
  const seed = await recoverySeed(file, element('recover-words', HTMLTextAreaElement));
  const head = await headFetch(id);
  if (head === undefined) {
    throw new Error('This identity has published no key log, so only its own key speaks for it.');
  }
  const made = await identityGenerate();
  const identity = { ...made, did: head.did, recoveryKey: head.recovery ?? '', registered: true };
  // Saved first: if the answer is lost on its way, the key is not.
  await identitySave(identity);
  await recoveryPost(head, [multikey(fromHex(made.publicKey))], seed);
  await sessionStart(identity.did, identity.privateKey);
  location.assign('/keys');
}

async function start() {
  if (!(await keysCheck())) {
    return;
  }
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    void formRun(form, element('recover-status', HTMLElement), 'Taking your identity back…', recover);
  });
  // Not before: without this module the form would put the words into an address.
  element('recover-button', HTMLButtonElement).disabled = false;
}

void start();
