// What somebody has earned, by work and by way, and the shares that wait for them to sign.

import { nodeNow } from './clock.js';
import { chartOf, monthsOf } from './earnings-chart.js';
import { decimalOf, worksOf } from './earnings-sum.js';
import { signedFetch } from './http-signature.js';
import { identityFetch } from './identity.js';
import { moneyText } from './money.js';
import { element, fromTemplate, part } from './page.js';
import { payoutsLoad } from './payouts.js';
import { formRun, jsonGet, ProblemError, problemShow } from './problem.js';
import { messageSign } from './signed-message.js';

const YEAR_MILLIS = 366 * 24 * 60 * 60 * 1000;
const MONTH_MILLIS = 31 * 24 * 60 * 60 * 1000;
const page = element('earnings', HTMLElement);
const did = page.dataset['did'] ?? '';

/** The key that signs for whoever is signed in. */
async function ownKey() {
  const identity = await identityFetch(did);
  if (identity === undefined) {
    throw new Error('You are signed in, but your key is not in this browser, so it cannot sign for you. ' +
      'Use the browser that holds it, or sign in again with your key file.');
  }
  return identity;
}

/** @param {string} manifest */
async function accept(manifest) {
  const identity = await ownKey();
  const acceptance = await messageSign(identity, 'acceptance', undefined, { manifest }, nodeNow());
  await signedFetch(identity, { method: 'POST', path: '/pay/api/shares/accept', body: acceptance });
  await load();
}

/** @param {any} share */
function waitingCard(share) {
  const card = fromTemplate('waiting-card');
  part(card, '.share-amount', HTMLElement).textContent = moneyText(share.amount);
  part(card, '.share-notice', HTMLElement).textContent = `Until ${new Date(share.heldUntil).toLocaleDateString()}.`;
  part(card, '.share-manifest', HTMLElement).textContent = share.manifest;
  const form = part(card, 'form', HTMLFormElement);
  form.hidden = page.dataset['signer'] !== 'key';
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    void formRun(form, part(form, '.status', HTMLElement), 'Signing…', () => accept(share.manifest));
  });
  return card;
}

/** What a state is called. */
const STATES = new Map([['held', 'waits for a signature'], ['accrued', 'waits for the smallest payment']]);

/** @param {import('./earnings-sum.js').Work} work */
function workTable(work) {
  const table = fromTemplate('work-table');
  part(table, '.work-title', HTMLElement).textContent = work.title;
  part(table, '.work-currency', HTMLElement).textContent = work.currency;
  part(table, 'tfoot .amount', HTMLElement).textContent = decimalOf(work.total);
  part(table, 'tbody', HTMLElement).replaceChildren(...work.ways.map((way) => {
    const row = fromTemplate('work-row');
    part(row, '.who-name', HTMLElement).textContent = way.role;
    part(row, '.who-role', HTMLElement).textContent = STATES.get(way.state) ?? '';
    const contracts = way.through.split(' ').filter((each) => each !== '').length;
    part(row, '.who-path', HTMLElement).textContent =
      contracts === 0 ? '' : `through ${contracts} distribution ${contracts === 1 ? 'contract' : 'contracts'}`;
    part(row, '.amount', HTMLElement).textContent = decimalOf(way.total);
    return row;
  }));
  return table;
}

/** @param {any} share */
function noticeLine(share) {
  const line = fromTemplate('notice-line');
  line.textContent = share.notice;
  return line;
}

async function load() {
  const { shares } = await jsonGet('/pay/api/shares');
  const isOwn = (/** @type {any} */ share) => share.state === 'waiting' && share.own;
  const waiting = shares.filter(isOwn);
  const others = shares.filter((/** @type {any} */ share) => !isOwn(share));
  element('waiting-list', HTMLElement).replaceChildren(...waiting.map(waitingCard));
  element('waiting', HTMLElement).hidden = waiting.length === 0;
  element('notice-list', HTMLElement).replaceChildren(...others.map(noticeLine));
  element('notices', HTMLElement).hidden = others.length === 0;
  // What somebody else got in the end was never earned.
  const lines = (await linesLoad()).filter((line) => line.state !== 'passed_on');
  const works = worksOf(lines);
  element('works', HTMLElement).replaceChildren(...works.map(workTable));
  element('no-works', HTMLElement).hidden = works.length > 0;
  element('months', HTMLElement).replaceChildren(...monthsOf(lines, nodeNow()).map(chartOf));
  await payoutsLoad(ownKey, page.dataset['signer'] === 'key');
}

/**
 * The parts of the last year; of the last month only, when a year has more than the node gives at once.
 * @returns {Promise<any[]>}
 */
async function linesLoad() {
  const since = async (/** @type {number} */ millis) => {
    const from = new Date(nodeNow() - millis).toISOString();
    return (await jsonGet(`/pay/api/export?from=${from}`)).lines;
  };
  try {
    return await since(YEAR_MILLIS);
  } catch (error) {
    if (!(error instanceof ProblemError) || error.code !== 'invalid_request') {
      throw error;
    }
  }
  element('months-note', HTMLElement).textContent = 'You were paid so often that only the last month is shown here.';
  return since(MONTH_MILLIS);
}

load().catch((error) => problemShow(element('status', HTMLElement), error));
