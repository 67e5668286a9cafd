// Making an identity: name, recovery key shown once, proof that it was kept, registration, sign-in.

import { identityGenerate, identitySave } from './identity.js';
import { keysCheck } from './keys.js';
import { element, localPath } from './page.js';
import { ProblemError, formRun, problemShow } from './problem.js';
import { WORD_COUNT, keyFileRead, recoveryFileText, recoveryGenerate } from './recovery.js';
import { identityRegister, sessionStart } from './session.js';
import { toHex } from './bytes.js';

/** @typedef {import('./identity.js').Identity} Identity */
/** @typedef {import('./recovery.js').RecoveryKey} RecoveryKey */

const nameForm = element('join-name', HTMLFormElement);
const confirmForm = element('join-confirm', HTMLFormElement);
const nameStatus = element('join-name-status', HTMLElement);
const confirmStatus = element('join-confirm-status', HTMLElement);
const download = element('recovery-download', HTMLAnchorElement);

/** @type {{ identity: Identity, recovery: RecoveryKey, asked: [number, number], confirmed: boolean } | null} */
let made = null;

/** @param {'name' | 'recovery' | 'confirm' | 'done'} step */
function stepShow(step) {
  for (const name of ['name', 'recovery', 'confirm', 'done']) {
    element(`step-${name}`, HTMLElement).hidden = name !== step;
  }
  element(`step-${step}-title`, HTMLElement).focus();
}

/** Two different places among the words. */
function placesPick() {
  const [first = 0, second = 0] = crypto.getRandomValues(new Uint32Array(2));
  const low = first % WORD_COUNT;
  const high = (low + 1 + (second % (WORD_COUNT - 1))) % WORD_COUNT;
  return /** @type {[number, number]} */ (low < high ? [low, high] : [high, low]);
}

/**
 * @param {Identity} identity
 * @param {RecoveryKey} recovery
 * @param {[number, number]} asked
 */
function recoveryShow(identity, recovery, asked) {
  const list = element('recovery-words', HTMLOListElement);
  list.replaceChildren(...recovery.words.map((word) => {
    const item = document.createElement('li');
    item.textContent = word;
    return item;
  }));
  const file = new Blob([recoveryFileText(recovery, identity.did)], { type: 'application/json' });
  URL.revokeObjectURL(download.href);
  download.href = URL.createObjectURL(file);
  download.download = `imajin-recovery-${identity.handle || identity.did.slice(-8)}.json`;
  element('word-a-label', HTMLElement).textContent = `Word ${asked[0] + 1}`;
  element('word-b-label', HTMLElement).textContent = `Word ${asked[1] + 1}`;
}

async function nameTake() {
  const name = element('name', HTMLInputElement).value.trim();
  const handle = element('handle', HTMLInputElement).value.trim();
  if (handle !== '' && !/^[a-z0-9_]{3,30}$/.test(handle)) {
    element('handle', HTMLInputElement).focus();
    throw new Error('A handle has 3 to 30 small letters, digits or underscores.');
  }
  if (made === null) {
    const recovery = await recoveryGenerate();
    const identity = await identityGenerate();
    identity.recoveryKey = recovery.multikey;
    identity.nextKeyHash = recovery.nextKeyHash;
    made = { identity, recovery, asked: placesPick(), confirmed: false };
  }
  Object.assign(made.identity, { name, handle });
  nameStatus.replaceChildren();
  if (made.confirmed) {
    // The node refused the handle, and the recovery key is kept already.
    await register(made.identity);
    return;
  }
  recoveryShow(made.identity, made.recovery, made.asked);
  stepShow('recovery');
}

/** Whether the person has the recovery key: two of its words, or the file. */
async function recoveryConfirm() {
  if (made === null) {
    throw new Error('Start again from the beginning: this page has no key yet.');
  }
  const { recovery, asked, identity } = made;
  const file = element('recovery-file', HTMLInputElement).files?.[0];
  if (file !== undefined) {
    const read = await keyFileRead(await file.text());
    if (read.kind !== 'recovery' || read.did !== identity.did || toHex(read.seed) !== toHex(recovery.seed)) {
      throw new Error('This is a recovery file, but not the one of this identity.');
    }
  } else {
    ['word-a', 'word-b'].forEach((id, index) => {
      const input = element(id, HTMLInputElement);
      const place = asked[index] ?? 0;
      if (input.value.trim().toLowerCase() !== recovery.words[place]) {
        input.focus();
        throw new Error(`Word ${place + 1} is not right. Look at what you kept and type it again.`);
      }
    });
  }
  made.confirmed = true;
  await register(identity);
}

/** @param {Identity} identity */
async function register(identity) {
  // Saved first: if the answer is lost on its way, the key is not.
  await identitySave(identity);
  try {
    await identityRegister(identity);
  } catch (error) {
    // The handle is taken, or reserved: the key is kept, and another handle can be tried.
    if (error instanceof ProblemError && ['conflict', 'invalid_request'].includes(error.code)) {
      stepShow('name');
      problemShow(nameStatus, error);
      element('handle', HTMLInputElement).focus();
      return;
    }
    throw error;
  }
  await sessionStart(identity.did, identity.privateKey);
  // The secret is not needed any more: forget it.
  made?.recovery.seed.fill(0);
  made = null;
  URL.revokeObjectURL(download.href);
  element('recovery-words', HTMLElement).replaceChildren();
  element('new-did', HTMLElement).textContent = identity.did;
  const go = element('continue-link', HTMLAnchorElement);
  go.href = localPath(element('main', HTMLElement).dataset['next'], '/me');
  stepShow('done');
}

async function start() {
  if (!(await keysCheck())) {
    element('make-button', HTMLButtonElement).disabled = true;
    return;
  }
  nameForm.addEventListener('submit', (event) => {
    event.preventDefault();
    void formRun(nameForm, nameStatus, 'Making your key…', nameTake);
  });
  confirmForm.addEventListener('submit', (event) => {
    event.preventDefault();
    void formRun(confirmForm, confirmStatus, 'Making you known to this node…', recoveryConfirm);
  });
  element('kept-button', HTMLButtonElement).addEventListener('click', () => stepShow('confirm'));
  element('back-button', HTMLButtonElement).addEventListener('click', () => stepShow('recovery'));
  // Leaving in the middle would throw the key away.
  window.addEventListener('beforeunload', (event) => {
    if (made !== null) {
      event.preventDefault();
    }
  });
}

void start();
