// Where somebody is paid, what they have and owe, and what was paid out.

import { signedFetch } from './http-signature.js';
import { moneyText } from './money.js';
import { element, fromTemplate, part } from './page.js';
import { formRun, jsonGet } from './problem.js';

/** @typedef {() => Promise<any>} OwnKey */

/** What each purpose is called. */
const PURPOSES = new Map([
  ['available', 'yours to spend'], ['held', 'reserved'], ['pending', 'waits for your signature'],
  ['accrued', 'waits for the smallest payment'], ['fees', 'earned as fees'], ['debt', 'owed by you'],
]);

/** What each state is called, and its colour. */
const STATES = new Map([
  ['paid', ['paid', 'tag-good']], ['under_way', ['on its way', 'tag-warn']],
  ['failed', ['came back', 'tag-bad']], ['partly', ['came back in part', 'tag-bad']],
]);

/** @param {any} line */
function balanceFigure({ purpose, balance }) {
  const figure = fromTemplate('balance-figure');
  figure.classList.add(purpose === 'debt' ? 'figure-bad' : purpose === 'available' ? 'figure-good' : 'figure-calm');
  part(figure, '.figure-value', HTMLElement).textContent = moneyText(balance);
  part(figure, '.figure-label', HTMLElement).textContent = PURPOSES.get(purpose) ?? purpose;
  return figure;
}

/** @param {any} payout */
function payoutLine(payout) {
  const line = fromTemplate('payout-line');
  const [name = payout.state, tone = ''] = STATES.get(payout.state) ?? [];
  part(line, '.amount', HTMLElement).textContent = moneyText(payout.amount);
  const tag = part(line, '.tag', HTMLElement);
  tag.textContent = name;
  tag.classList.add(...tone === '' ? [] : [tone]);
  const returned = Number(payout.returned.amount) > 0 ? ` ${payout.returned.amount} came back to your balance.` : '';
  part(line, '.fine', HTMLElement).textContent =
    `${new Date(payout.createdAt).toLocaleString()}, through ${payout.rail}.${returned}`;
  return line;
}

/**
 * A button that pays out all of one currency.
 * @param {any} balance
 * @param {OwnKey} ownKey
 */
function payoutForm({ balance }, ownKey) {
  const form = fromTemplate('payout-form');
  if (!(form instanceof HTMLFormElement)) {
    throw new Error('The page lacks a form.');
  }
  part(form, 'button', HTMLButtonElement).textContent = `Pay out ${moneyText(balance)}`;
  // The same key until it is answered: pressing twice pays once.
  const idempotencyKey = crypto.randomUUID();
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    void formRun(form, part(form, '.status', HTMLElement), 'Signing…', async () => {
      const body = { currency: balance.currency };
      await signedFetch(await ownKey(), { method: 'POST', path: '/pay/api/payout', body, idempotencyKey });
      await payoutsLoad(ownKey, true);
    });
  });
  return form;
}

/** Whether the form for the account answers already. */
let isReady = false;

/**
 * @param {any} account
 * @param {OwnKey} ownKey
 */
function onboardPrepare(account, ownKey) {
  const form = element('onboard', HTMLFormElement);
  form.hidden = account?.ready === true;
  element('country-field', HTMLElement).hidden = account !== null;
  if (account !== null) {
    element('country', HTMLInputElement).value = account.country;
    element('onboard-button', HTMLButtonElement).textContent = 'Complete it';
  }
  if (isReady) {
    return;
  }
  isReady = true;
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    void formRun(form, part(form, '.status', HTMLElement), 'Signing…', async () => {
      const country = element('country', HTMLInputElement).value.trim().toUpperCase();
      const path = '/pay/api/connect/onboard';
      const made = await signedFetch(await ownKey(), { method: 'POST', path, body: { country } });
      location.assign(made.url);
    });
  });
}

/**
 * @param {OwnKey} ownKey
 * @param {boolean} hasKey
 */
export async function payoutsLoad(ownKey, hasKey) {
  const [{ balances }, { account, payouts }, { rails }] =
    await Promise.all([jsonGet('/pay/api/balance'), jsonGet('/pay/api/payouts'), jsonGet('/pay/api/rails')]);
  const isDebt = (/** @type {any} */ line) => line.purpose === 'debt';
  element('balances', HTMLElement).replaceChildren(...balances.map(balanceFigure));
  const debt = element('debt-note', HTMLElement);
  debt.hidden = !balances.some(isDebt);
  debt.textContent = 'You owe something: a buyer\'s bank took back what was paid to you. ' +
    'It is paid from what comes in next, before anything is paid out.';
  const pays = rails.some((/** @type {any} */ rail) => rail.open && rail.paysOut);
  const note = element('account-note', HTMLElement);
  note.textContent = !pays ? 'Nothing at this node sends money to other places: your balance stays here.'
    : account?.ready === true ? `You are paid through ${account.rail}.`
    : account !== null ? `Your account at ${account.rail} cannot be paid yet.` : '';
  const forms = element('payout-forms', HTMLElement);
  forms.replaceChildren();
  if (pays && hasKey) {
    onboardPrepare(account, ownKey);
    const due = balances.filter((/** @type {any} */ line) =>
      line.purpose === 'available' && Number(line.balance.amount) > 0);
    forms.append(...account?.ready === true ? due.map((/** @type {any} */ line) => payoutForm(line, ownKey)) : []);
  }
  element('payout-list', HTMLElement).replaceChildren(...payouts.map(payoutLine));
  element('no-payouts', HTMLElement).hidden = payouts.length > 0;
}
