// What one has asked and was asked, for whoever is signed in.

import { decimalOf, micros } from './earnings-sum.js';
import { moneyText } from './money.js';
import { element, fromTemplate, part } from './page.js';
import { jsonGet } from './problem.js';

/** One's own questions and terms. @type {Promise<any>} */
export const own = jsonGet('/query/api/questions');

/** @param {string} list @param {string} empty @param {any[]} questions @param {string} other */
function questionsShow(list, empty, questions, other) {
  element(empty, HTMLElement).hidden = questions.length > 0;
  for (const question of questions) {
    const line = fromTemplate('question-line');
    part(line, '.amount', HTMLElement).textContent = question.fee === null ? 'Nothing' : moneyText(question.fee);
    part(line, '.tag', HTMLElement).textContent = question.state;
    const when = new Date(question.createdAt).toLocaleString();
    part(line, '.fine', HTMLElement).textContent = `${question[other]}, ${when}`;
    element(list, HTMLElement).append(line);
  }
}

async function ownShow() {
  const { asked, answered } = await own;
  questionsShow('asked', 'none-asked', asked, 'leader');
  questionsShow('answered', 'none-answered', answered, 'asker');
  /** @type {Map<string, bigint>} */
  const sums = new Map();
  for (const { fee } of answered.filter((/** @type {any} */ one) => one.fee !== null)) {
    sums.set(fee.currency, (sums.get(fee.currency) ?? 0n) + micros(fee.amount));
  }
  const lines = [...sums].map(([currency, sum]) => `${decimalOf(sum)} ${currency}`);
  element('earned', HTMLElement).textContent =
    lines.length === 0 ? '' : `Your last answers have cost ${lines.join(' and ')}.`;
}

void ownShow();
