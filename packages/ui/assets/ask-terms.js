// What a leader's answers cost, for whoever looks.

import { moneyText } from './money.js';
import { element } from './page.js';
import { jsonGet } from './problem.js';

async function termsShow() {
  const leader = element('main', HTMLElement).dataset['leader'] ?? '';
  const lead = element('terms', HTMLElement);
  try {
    const view = await jsonGet(`/query/api/query/terms?leader=${encodeURIComponent(leader)}`);
    const terms = view.terms.payload;
    lead.textContent = terms.open
      ? `Answers come from ${view.documents} documents. One costs ${moneyText(terms.perAnswer)} and ` +
        `${moneyText(terms.perThousandTokens)} for a thousand tokens, at most ${moneyText(terms.ceiling)}.`
      : 'No questions are answered here now.';
  } catch {
    lead.textContent = 'No questions are answered here.';
  }
}

void termsShow();
