// What a leader's answers cost, for whoever looks.

import { moneyText } from './money.js';
import { element } from './page.js';
import { podsOwn } from './pods-own.js';
import { jsonGet } from './problem.js';

/**
 * Who may ask besides those who are near: the pods by their names, as far as whoever looks is in them.
 * @param {any} terms
 */
async function podsText(terms) {
  const pods = /** @type {string[]} */ (terms.pods ?? []);
  if (pods.length === 0) {
    return '';
  }
  // What a private pod is called is for those who are in it.
  const isSignedIn = (element('main', HTMLElement).dataset['did'] ?? '') !== '';
  const own = isSignedIn ? await podsOwn().catch(() => []) : [];
  const names = own.filter(({ id }) => pods.includes(id)).map(({ name }) => `“${name}”`);
  const hidden = pods.length - names.length;
  const all = hidden === 0 ? names : [...names, hidden === 1 ? 'a pod' : `${hidden} pods`];
  const only = terms.maxHops === 0 ? 'Only members' : 'Members';
  return ` ${only} of ${all.join(' and ')} may ask${terms.maxHops === 0 ? '' : ' as well, however far away'}.`;
}

async function termsShow() {
  const leader = element('main', HTMLElement).dataset['leader'] ?? '';
  const lead = element('terms', HTMLElement);
  try {
    const view = await jsonGet(`/query/api/query/terms?leader=${encodeURIComponent(leader)}`);
    const terms = view.terms.payload;
    const pods = await podsText(terms);
    lead.textContent = terms.open
      ? `Answers come from ${view.documents} documents. One costs ${moneyText(terms.perAnswer)} and ` +
        `${moneyText(terms.perThousandTokens)} for a thousand tokens, at most ${moneyText(terms.ceiling)}.${pods}`
      : 'No questions are answered here now.';
  } catch {
    lead.textContent = 'No questions are answered here.';
  }
}

void termsShow();
