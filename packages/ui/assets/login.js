// The sign-in page: with an identity of this browser, a file, or recovery words.

import { identityChoices, identityOf, identitySave } from './identity.js';
import { keyFromSeed, keysCheck } from './keys.js';
import { element, localPath } from './page.js';
import { ProblemError, formRun } from './problem.js';
import { keyFileRead, seedFromWords } from './recovery.js';
import { identityLogin, sessionStart } from './session.js';

const keyForm = element('login-key', HTMLFormElement);
const fileForm = element('login-file', HTMLFormElement);
const next = localPath(keyForm.dataset['next'], '/me');

/** @param {import('./identity.js').Identity[]} identities */
async function loginWithKey(identities) {
  const did = new FormData(keyForm).get('did');
  const identity = identities.find((candidate) => candidate.did === did);
  if (identity === undefined) {
    throw new Error('Choose one of the identities first.');
  }
  await identityLogin(identity);
  location.assign(next);
}

/**
 * A key of the command line may be known here or not: it signs in, else it is registered first.
 * @param {import('./identity.js').Identity} identity
 */
async function loginWithKeyFile(identity) {
  try {
    await sessionStart(identity.did, identity.privateKey);
    identity.registered = true;
  } catch (error) {
    // What the node says of a key that it does not know.
    const unknown = ['forbidden', 'bad_signature', 'not_found', 'unauthenticated'];
    if (!(error instanceof ProblemError) || !unknown.includes(error.code)) {
      throw error;
    }
    await identityLogin(identity);
  }
  await identitySave(identity);
}

async function loginWithFile() {
  const file = element('file', HTMLInputElement).files?.[0];
  const words = element('words', HTMLTextAreaElement).value.trim();
  if (file !== undefined) {
    // A key file has a few hundred bytes; nobody waits for a film to be read.
    if (file.size > 65536) {
      throw new Error('This file is too large to be a key or recovery file.');
    }
    const read = await keyFileRead(await file.text());
    const { privateKey, publicKey } = await keyFromSeed(read.seed);
    if (read.kind === 'recovery') {
      await sessionStart(read.did, privateKey);
    } else {
      await loginWithKeyFile(identityOf(publicKey, privateKey));
    }
  } else if (words !== '') {
    const id = element('login-id', HTMLInputElement).value.trim();
    if (id === '') {
      throw new Error('Type your handle or DID as well: the words alone do not say who you are.');
    }
    const { privateKey } = await keyFromSeed(await seedFromWords(words));
    await sessionStart(id, privateKey);
  } else {
    throw new Error('Choose a file, or type the recovery words.');
  }
  location.assign(next);
}

async function start() {
  fileForm.addEventListener('submit', (event) => {
    event.preventDefault();
    void formRun(fileForm, element('login-file-status', HTMLElement), 'Signing in…', loginWithFile);
  });
  if (!(await keysCheck())) {
    return;
  }
  // Not before: without this module the form would put the words into an address.
  element('file-button', HTMLButtonElement).disabled = false;
  const identities = await identityChoices('');
  element('login-button', HTMLButtonElement).hidden = identities.length === 0;
  keyForm.addEventListener('submit', (event) => {
    event.preventDefault();
    const act = () => loginWithKey(identities);
    void formRun(keyForm, element('login-key-status', HTMLElement), 'Signing in…', act);
  });
}

void start();
