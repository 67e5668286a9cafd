// A leader's own page, with a key: signs terms and documents.

import { utf8 } from './bytes.js';
import { documentOf } from './document-file.js';
import { own } from './questions-own.js';
import { moneyText } from './money.js';
import { nodeNow } from './clock.js';
import { signedFetch } from './http-signature.js';
import { manifestSign } from './manifest.js';
import { element, fromTemplate, part } from './page.js';
import { podsOwn } from './pods-own.js';
import { jsonGet } from './problem.js';
import { messageSign } from './signed-message.js';
import { hiddenValue, ownIdentity, signedDelete, takeOver } from './signing.js';

const API = '/query/api';
const main = element('main', HTMLElement);
const did = main.dataset['did'] ?? '';

/** What the form does not ask for: as it was said before, here or by the command line. @type {any} */
let said = { vouchesMin: 0, uses: ['query'], engine: 'embedded', tokensMax: 400, askerDailyMax: 20, dailyMax: 500 };

/** Whether the pods that one may name are in the form. */
let arePodsListed = false;

/**
 * The pods whose members may ask: those that are ticked. A pod that one has left is not in the list, and counts no
 * more; without a list, what was said before stays.
 * @param {HTMLFormElement} form
 */
function podsOf(form) {
  const ticked = new FormData(form).getAll('pod').map(String);
  const pods = arePodsListed ? ticked : said.pods ?? [];
  return pods.length === 0 ? {} : { pods };
}

/** @param {HTMLFormElement} form @param {boolean} open */
function termsOf(form, open) {
  const { pods: _pods, ...before } = said;
  const currency = hiddenValue(form, 'currency').trim().toUpperCase();
  const money = (/** @type {string} */ name) => ({ amount: hiddenValue(form, name).trim(), currency });
  return {
    ...before,
    ...podsOf(form),
    node: main.dataset['node'],
    open,
    maxHops: Number.parseInt(hiddenValue(form, 'maxHops'), 10),
    perAnswer: money('perAnswer'),
    perThousandTokens: money('perThousandTokens'),
    ceiling: money('ceiling'),
    worksShareMillionths: Number.parseInt(hiddenValue(form, 'works'), 10) * 10_000,
  };
}

/** @param {HTMLFormElement} form @param {boolean} open */
async function termsSave(form, open) {
  await known;
  const identity = await ownIdentity();
  const body = await messageSign(identity, 'query-terms', undefined, termsOf(form, open), nodeNow());
  await signedFetch(identity, { method: 'PUT', path: `${API}/query/terms`, body });
  location.reload();
}

/** One's own pods, of which the members may ask; none where the node keeps no pods. */
async function podsLoad() {
  const pods = await podsOwn();
  for (const [place, pod] of pods.entries()) {
    const line = fromTemplate('pod-line');
    const box = part(line, 'input', HTMLInputElement);
    const label = part(line, 'label', HTMLLabelElement);
    box.id = `pod-${place}`;
    box.value = pod.id;
    box.checked = (said.pods ?? []).includes(pod.id);
    label.htmlFor = box.id;
    label.textContent = pod.name;
    element('pods', HTMLElement).append(line);
  }
  element('pods-field', HTMLElement).hidden = pods.length === 0;
  arePodsListed = true;
}

/** @param {any} terms */
function termsShow(terms) {
  said = terms;
  /** @type {[string, string][]} */
  const values = [
    ['currency', terms.ceiling.currency],
    ['per-answer', terms.perAnswer.amount],
    ['per-thousand', terms.perThousandTokens.amount],
    ['ceiling', terms.ceiling.amount],
    ['works', String(terms.worksShareMillionths / 10_000)],
    ['hops', String(terms.maxHops)],
  ];
  values.forEach(([id, value]) => { element(id, HTMLInputElement).value = value; });
  if (terms.open) {
    element('terms-state', HTMLElement).textContent =
      `You answer questions for at most ${moneyText(terms.ceiling)} each, with the engine ${terms.engine}.`;
  }
}

/** @param {HTMLFormElement} form */
async function documentAdd(form) {
  const identity = await ownIdentity();
  const written = hiddenValue(form, 'text');
  const file = new FormData(form).get('file');
  const isFile = file instanceof File && file.name !== '';
  if (isFile && written.trim() !== '') {
    throw new Error('Write a text or choose a file, not both.');
  }
  const chosen = isFile
    ? documentOf(file.name, await file.arrayBuffer())
    : { title: '', mediaType: 'text/markdown', text: written };
  const { mediaType, text } = chosen;
  const title = hiddenValue(form, 'title').trim() || chosen.title;
  const manifest = await manifestSign(identity, { title, kind: 'document', bytes: utf8(text), mediaType });
  const body = { title, mediaType, text, manifest };
  await signedFetch(identity, { method: 'POST', path: `${API}/documents`, body });
  location.reload();
}

/**
 * What one answers from, page by page: the last one is shorter than the others, or empty.
 * @returns {Promise<{ id: string, title: string, manifestId: string }[]>}
 */
async function documentsAll() {
  const all = [];
  for (;;) {
    const last = all.at(-1);
    const after = last === undefined ? '' : `&after=${encodeURIComponent(last.id)}`;
    const page = await jsonGet(`${API}/documents?owner=${encodeURIComponent(did)}${after}`);
    if (page.length === 0) {
      return all;
    }
    all.push(...page);
  }
}

async function documentsLoad() {
  const documents = await documentsAll();
  element('no-documents', HTMLElement).hidden = documents.length > 0;
  for (const entry of documents) {
    const line = fromTemplate('document-line');
    part(line, '.document-title', HTMLElement).textContent = entry.title;
    part(line, '.document-fair', HTMLElement).textContent = entry.manifestId;
    takeOver(part(line, '.document-remove', HTMLFormElement), 'Signing…', async () => {
      await signedDelete(`${API}/documents/${encodeURIComponent(entry.id)}`, null);
      location.reload();
    });
    element('documents', HTMLElement).append(line);
  }
}

const form = element('terms', HTMLFormElement);
form.addEventListener('submit', (event) => {
  form.dataset['open'] = String(!(event.submitter instanceof HTMLButtonElement && event.submitter.name === 'close'));
}, { capture: true });
takeOver(form, 'Signing…', () => termsSave(form, form.dataset['open'] !== 'false'));
takeOver(element('add', HTMLFormElement), 'Signing…', documentAdd);
void documentsLoad();

/** What was said before is in the form. Where it cannot be had, the form is as it came. */
const known = own.then(({ terms }) => {
  if (terms !== null) {
    termsShow(terms.terms.payload);
  }
}).then(podsLoad).catch(() => undefined);
