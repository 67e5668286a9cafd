// Asking a leader, with a key: the price before, the answer while it comes, receipt and sources after.

import { sha256, toHex, utf8 } from './bytes.js';
import { signedFetch } from './http-signature.js';
import { events, mjnSign } from './mjn.js';
import { moneyText } from './money.js';
import { element, fromTemplate, part } from './page.js';
import { formRun, ProblemError, problemRead } from './problem.js';
import { ownIdentity } from './signing.js';

const main = element('main', HTMLElement);
const leader = main.dataset['leader'] ?? '';
const API = '/query/api';

/** What was quoted for the question that stands in the form. @type {{ question: string, quote: any } | undefined} */
let quoted;

/** @param {string} question */
async function quoteFetch(question) {
  const body = { leader, querySha256: toHex(await sha256(utf8(question))) };
  const identity = await ownIdentity();
  const message = await signedFetch(identity, { method: 'POST', path: `${API}/query/quote`, body });
  quoted = { question, quote: message.payload };
  const price = element('price', HTMLElement);
  price.textContent = `At most ${moneyText(quoted.quote.ceiling)}. Only what the answer has cost is taken.`;
  price.hidden = false;
  element('ask-button', HTMLButtonElement).textContent = `Ask for at most ${moneyText(quoted.quote.ceiling)}`;
  element('status', HTMLElement).replaceChildren();
}

/** @param {any} passage */
function passageShow(passage) {
  const line = fromTemplate('passage');
  part(line, '.passage-title', HTMLElement).textContent = `[${passage.number}] ${passage.title}`;
  part(line, '.passage-text', HTMLElement).textContent = passage.text;
  const { start, end } = passage.source;
  part(line, '.passage-source', HTMLElement).textContent = `${passage.fair}, bytes ${start} to ${end}`;
  element('passages', HTMLElement).append(line);
}

/** @param {any} answer */
function afterShow(answer) {
  const { engine, model } = answer.engine;
  element('engine', HTMLElement).textContent = `Answered by ${engine}${model === undefined ? '' : ` with ${model}`}.`;
  const paid = element('paid', HTMLElement);
  if (answer.receipt === undefined) {
    paid.textContent = 'It has cost nothing.';
  } else {
    const link = document.createElement('a');
    link.href = `/receipts/${encodeURIComponent(answer.receipt.payload.id)}`;
    link.id = 'receipt-link';
    link.textContent = 'Receipt';
    paid.replaceChildren(`It has cost ${moneyText(answer.fee)}. `, link);
  }
  element('passages', HTMLElement).replaceChildren();
  answer.passages.forEach(passageShow);
  element('after', HTMLElement).hidden = false;
}

/** @param {{ question: string, quote: any }} asked */
async function ask(asked) {
  const identity = await ownIdentity();
  const { quoteId, ceiling, querySha256 } = asked.quote;
  const isFree = /^[0.]+$/u.test(ceiling.amount);
  const request = await mjnSign(identity, {
    path: `${API}/query`,
    body: { leader, query: asked.question, quoteId },
    content: leader,
    scope: querySha256,
    max: ceiling,
    means: isFree ? 'free' : 'balance',
    idempotencyKey: quoteId,
  });
  const stop = new AbortController();
  const response = await fetch(request, { signal: stop.signal });
  if (!response.ok || response.body === null) {
    throw await problemRead(response);
  }
  const text = element('answer-text', HTMLElement);
  const button = element('stop', HTMLButtonElement);
  text.textContent = '';
  button.hidden = false;
  element('answer', HTMLElement).hidden = false;
  let isStopped = false;
  button.addEventListener('click', () => {
    isStopped = true;
    stop.abort();
  }, { once: true });
  try {
    for await (const { name, data } of events(response.body)) {
      if (name === 'text') {
        text.textContent += data.text;
      } else if (name === 'answer') {
        afterShow(data);
      } else if (name === 'problem') {
        throw new ProblemError(data);
      }
    }
  } catch (error) {
    if (!isStopped) {
      throw error;
    }
    element('after', HTMLElement).hidden = false;
    element('paid', HTMLElement).textContent = 'You have stopped here: only what came is paid for. ' +
      'The receipt is with your other receipts.';
  } finally {
    button.hidden = true;
    element('status', HTMLElement).replaceChildren();
  }
}

const form = element('ask', HTMLFormElement);
const question = element('question', HTMLTextAreaElement);
const reset = () => {
  quoted = undefined;
  element('price', HTMLElement).hidden = true;
  element('ask-button', HTMLButtonElement).textContent = 'See what it costs';
};
question.addEventListener('input', reset);
form.addEventListener('submit', (event) => {
  event.preventDefault();
  const asked = quoted;
  const doing = asked === undefined ? 'Asking what it costs…' : 'Asking…';
  void formRun(form, element('status', HTMLElement), doing, async () => {
    if (asked === undefined) {
      await quoteFetch(question.value.trim());
      return;
    }
    reset();
    await ask(asked);
  });
});
